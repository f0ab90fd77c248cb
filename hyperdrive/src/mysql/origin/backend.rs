//! Connections to the servers as the pool handles them.

use super::*;

impl Backend for Origin {
    type Conn = OriginConn;
    type Want = Want;
    type Error = OriginError;

    async fn connect(&self, want: &Want) -> Result<OriginConn, OriginError> {
        let (mut conn, greeting) = self.open(&want.key).await?;
        let server = conn.server.clone();
        let broke = OriginError::broke(&server);
        conn.channel.put_command(com::QUERY, TRACK.as_bytes());
        conn.channel.flush().await.map_err(|error| broke(error.into()))?;
        if let Some(said) = conn.simple().await.map_err(broke)? {
            return Err(OriginError::Said {
                server: server.clone(),
                said,
            });
        }
        self.learn(&mut conn, greeting).await.map_err(broke)?;
        Ok(conn)
    }

    fn late(&self, limit: Duration) -> OriginError {
        OriginError::Late(limit)
    }

    fn denied(error: &OriginError) -> bool {
        match error {
            // Too many connections, host blocked, shutting down: all may be over soon.
            OriginError::Said { said, .. } => !matches!(said.code, 1040 | 1129 | 1203 | 1226 | 1053),
            OriginError::NoUser(_) => true,
            _ => false,
        }
    }

    fn fit(conn: &OriginConn, want: &Want) -> Option<u8> {
        // No command leaves a database without choosing another.
        if conn.key != want.key || (want.schema.is_none() && conn.schema.is_some()) {
            return None;
        }
        let schema = u8::from(conn.schema == want.schema);
        if conn.profile == want.profile {
            return Some(4 + schema);
        }
        let reset = conn.profile.change(&want.profile).reset;
        Some(if reset { schema } else { 2 + schema })
    }

    fn alive(conn: &mut OriginConn) -> bool {
        conn.channel.input.is_empty() && peek(&mut conn.channel.io, &mut conn.channel.input) == Peek::Quiet
    }

    fn is_clean(conn: &OriginConn) -> bool {
        !conn.dirty && !conn.abandoned && conn.channel.input.is_empty() && conn.channel.output.is_empty()
    }

    async fn reset(&self, conn: &mut OriginConn) -> Result<(), OriginError> {
        let server = conn.server.clone();
        if conn.abandoned {
            // Closed first: one connection less there while the other one kills it.
            let (closed, _) = tokio::io::duplex(1);
            conn.channel = Channel::new(Box::new(closed), PACKET_MAX);
            if let Err(error) = self.kill(&server, &conn.key, conn.thread, false).await {
                debug!(%error, "a statement given up could not be killed");
            }
            return Err(OriginError::Abandoned);
        }
        match conn.reset().await {
            Ok(None) => {
                conn.dirty = false;
                conn.profile = Arc::default();
                Ok(())
            }
            Ok(Some(said)) => Err(OriginError::Said { server, said }),
            Err(error) => Err(OriginError::Channel { server, error }),
        }
    }

    async fn close(&self, mut conn: OriginConn) {
        if conn.abandoned {
            return;
        }
        conn.channel.put_command(com::QUIT, b"");
        let goodbye = async {
            conn.channel.flush().await?;
            // The server closes: then it counts one connection less.
            let mut rest = BytesMut::new();
            while crate::net::fill(&mut conn.channel.io, &mut rest, 256)
                .await
                .is_ok()
            {
                rest.clear();
            }
            Ok::<(), std::io::Error>(())
        };
        // Late or broken, it is closed all the same.
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }

    fn warm(&self) -> Option<Want> {
        let settings = self.settings();
        let user = settings.users.first()?;
        let key = Key {
            user: user.origin_user.as_str().into(),
            caps: self.warm_caps(),
        };
        Some(Want {
            key,
            schema: None,
            profile: Arc::default(),
        })
    }
}
