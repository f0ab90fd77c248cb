//! From a configured target to a ready connection, for the three topologies.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, IntoConnectionInfo, Pipeline, ProtocolVersion,
    PushInfo, RedisConnectionInfo, RedisError, RedisFuture, RedisResult, Value,
};

use super::PushHandler;
use super::target::{address, certificates, describe, login_of, settings, tcp, tls_mode};
use crate::config::model::{RedisLogin, RedisServer, RedisTarget};

/// Longest wait for TCP, TLS and the greeting of one server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest wait for a whole attempt, sentinels and cluster discovery counted.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Shortest and longest wait before a cluster command is sent again, well below a command's timeout.
const RETRY_WAIT_MS: (u64, u64) = (2, 10);
/// Commands that wait in a connection's channel before callers wait in line (their timeout goes on).
const PIPELINE_BUFFER: usize = 512;

/// A target that cannot be used whatever Redis says.
#[derive(Debug, thiserror::Error)]
pub enum RedisLinkError {
    /// The CA file cannot be read.
    #[error("cannot read the redis CA file {}: {source}", path.display())]
    CaUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The client library refuses the target.
    #[error("redis target {target} cannot be used: {source}")]
    Target {
        /// The target without its password.
        target: String,
        /// Why.
        source: RedisError,
    },
    /// Not inside a Tokio runtime.
    #[error("a redis link must be made inside a tokio runtime")]
    NoRuntime,
}

/// A connection of either kind. Clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

impl Connection {
    /// All commands of a pipeline. A cluster takes one slot per pipeline, so plain ones go out one by one.
    pub(super) async fn pipeline(mut self, pipeline: &Pipeline) -> RedisResult<Value> {
        if matches!(self, Self::One(_)) || pipeline.is_transaction() {
            return pipeline.query_async::<Value>(&mut self).await;
        }
        let answers = try_join_all(pipeline.cmd_iter().map(|command| {
            let mut connection = self.clone();
            async move { command.query_async::<Value>(&mut connection).await }
        }));
        Ok(Value::Array(answers.await?))
    }
}

/// How to reach Redis.
pub(super) struct Connector {
    target: RedisTarget,
    /// PEM of the CA in the target's login.
    ca: Option<Vec<u8>>,
    name: String,
    tracking: Option<Tracking>,
}

/// What the server is told to report.
struct Tracking {
    on_push: PushHandler,
    /// Changes of all keys that begin so; without any, of keys that were read.
    prefixes: Vec<String>,
}

impl Connector {
    /// Reads the CA file and checks what can be checked without a network.
    pub(super) fn new(target: &RedisTarget) -> Result<Self, RedisLinkError> {
        let login = login_of(target);
        let ca = match &login.ca {
            Some(path) => Some(
                std::fs::read(path).map_err(|source| RedisLinkError::CaUnreadable {
                    path: path.clone(),
                    source,
                })?,
            ),
            None => None,
        };
        let connector = Self {
            target: target.clone(),
            ca,
            name: describe(target),
            tracking: None,
        };
        connector.check().map_err(|source| RedisLinkError::Target {
            target: connector.name.clone(),
            source,
        })?;
        Ok(connector)
    }

    /// With reports of changed keys to `on_push`: of all that begin with one of `prefixes`, else of those read.
    pub(super) fn tracking(mut self, on_push: PushHandler, prefixes: Vec<String>) -> Self {
        self.tracking = Some(Tracking { on_push, prefixes });
        self
    }

    /// The target as logs name it, without login.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.target, RedisTarget::Cluster(_))
    }

    fn check(&self) -> RedisResult<()> {
        match &self.target {
            RedisTarget::Single(server) => self.client(server).map(drop),
            RedisTarget::Sentinel {
                sentinels,
                service,
                primary,
            } => self.sentinel(sentinels, service, primary).map(drop),
            RedisTarget::Cluster(nodes) => self.cluster(nodes).build().map(drop),
        }
    }

    /// Connects, and tells the server to report changed keys when asked to; the flag says whether it does.
    pub(super) async fn connect(&self) -> RedisResult<(Connection, bool)> {
        let handler = self
            .tracking
            .as_ref()
            .map(|tracking| Arc::clone(&tracking.on_push));
        let push = handler.map(|handler| {
            move |info: PushInfo| -> Result<(), ()> {
                handler(&info);
                Ok(())
            }
        });
        let mut config = config();
        if let Some(push) = push {
            config = config.set_push_sender(push);
        }
        let attempt = async {
            let connection = self.open(config, None::<fn(PushInfo) -> Result<(), ()>>).await?;
            Ok(connection)
        };
        let mut connection = deadline(attempt).await?;
        let tracked = match &self.tracking {
            Some(tracking) if !self.is_cluster() => {
                deadline(track(&mut connection, &tracking.prefixes)).await.is_ok()
            }
            _ => false,
        };
        Ok((connection, tracked))
    }

    /// Connects for blocking commands: no response timeout, push messages to `push`.
    pub(super) async fn connect_dedicated<F>(&self, push: F) -> RedisResult<Connection>
    where
        F: Fn(PushInfo) -> Result<(), ()> + Clone + Send + Sync + 'static,
    {
        deadline(self.open(config().set_push_sender(push.clone()), Some(push))).await
    }

    async fn open<F>(&self, config: AsyncConnectionConfig, cluster_push: Option<F>) -> RedisResult<Connection>
    where
        F: Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static,
    {
        let client = match &self.target {
            RedisTarget::Single(server) => self.client(server)?,
            RedisTarget::Sentinel {
                sentinels,
                service,
                primary,
            } => {
                self.sentinel(sentinels, service, primary)?
                    .async_get_client()
                    .await?
            }
            RedisTarget::Cluster(nodes) => {
                let mut builder = self.cluster(nodes);
                if let Some(push) = cluster_push {
                    builder = builder.push_sender(push);
                }
                return builder
                    .build()?
                    .get_async_connection()
                    .await
                    .map(Connection::Cluster);
            }
        };
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        refuse_replica(&mut connection).await?;
        Ok(Connection::One(connection))
    }

    fn client(&self, server: &RedisServer) -> RedisResult<Client> {
        let info = address(server)
            .into_connection_info()?
            .set_redis_settings(settings(&server.login))
            .set_tcp_settings(tcp());
        match &self.ca {
            Some(pem) if server.login.tls => Client::build_with_tls(info, certificates(pem)),
            _ => Client::open(info),
        }
    }

    fn sentinel(
        &self,
        sentinels: &[RedisServer],
        service: &str,
        primary: &RedisLogin,
    ) -> RedisResult<redis::sentinel::SentinelClient> {
        let mut builder =
            SentinelClientBuilder::new(sentinels.iter().map(address), service, SentinelServerType::Master)?
                .set_client_to_redis_protocol(ProtocolVersion::RESP3)
                .set_client_to_redis_db(primary.db)
                .set_client_to_redis_tcp_settings(tcp());
        if let Some(mode) = tls_mode(primary) {
            builder = builder.set_client_to_redis_tls_mode(mode);
        }
        if let Some(username) = &primary.username {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = &primary.password {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(login) = sentinels.first().map(|sentinel| &sentinel.login) {
            if let Some(mode) = tls_mode(login) {
                builder = builder.set_client_to_sentinel_tls_mode(mode);
            }
            if let Some(username) = &login.username {
                builder = builder.set_client_to_sentinel_username(username);
            }
            if let Some(password) = &login.password {
                builder = builder.set_client_to_sentinel_password(password);
            }
        }
        if let Some(pem) = &self.ca {
            if primary.tls {
                builder = builder.set_client_to_redis_certificates(certificates(pem));
            }
            if sentinels.iter().any(|sentinel| sentinel.login.tls) {
                builder = builder.set_client_to_sentinel_certificates(certificates(pem));
            }
        }
        builder.build()
    }

    fn cluster(&self, nodes: &[RedisServer]) -> ClusterClientBuilder {
        let infos = nodes
            .iter()
            .map(|node| ClusterNode(address(node), settings(&node.login)).into_connection_info());
        let infos: Vec<redis::ConnectionInfo> = infos.filter_map(Result::ok).collect();
        let mut builder = ClusterClientBuilder::new(infos)
            .use_protocol(ProtocolVersion::RESP3)
            .connection_timeout(CONNECT_TIMEOUT)
            // Retries would only hide failures from the breaker; one is needed to follow a moved slot.
            .retries(1)
            .min_retry_wait(RETRY_WAIT_MS.0)
            .max_retry_wait(RETRY_WAIT_MS.1)
            .overall_response_timeout(None)
            .tcp_settings(tcp());
        let login = nodes.first().map(|node| &node.login);
        if let Some(mode) = login.and_then(tls_mode) {
            builder = builder.tls(mode);
        }
        if let Some(pem) = &self.ca {
            builder = builder.certs(certificates(pem));
        }
        builder
    }
}

struct ClusterNode(ConnectionAddr, RedisConnectionInfo);

impl IntoConnectionInfo for ClusterNode {
    fn into_connection_info(self) -> RedisResult<redis::ConnectionInfo> {
        Ok(self.0.into_connection_info()?.set_redis_settings(self.1))
    }
}

async fn deadline<T>(attempt: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match tokio::time::timeout(ATTEMPT_TIMEOUT, attempt).await {
        Ok(result) => result,
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

/// A replica answers reads and refuses writes; better no Redis than one whose purges are lost.
/// Users that may not ask for the role are taken at their word.
async fn refuse_replica(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let role = tokio::time::timeout(
        CONNECT_TIMEOUT,
        redis::cmd("ROLE").query_async::<Value>(connection),
    )
    .await;
    let Ok(Ok(Value::Array(role))) = role else {
        return Ok(());
    };
    match role.first() {
        Some(Value::BulkString(role)) if role == b"slave" => Err((
            redis::ErrorKind::Server(redis::ServerErrorKind::ReadOnly),
            "the server is a replica",
        )
            .into()),
        _ => Ok(()),
    }
}

async fn track(connection: &mut Connection, prefixes: &[String]) -> RedisResult<()> {
    let mut command = redis::cmd("CLIENT");
    command.arg("TRACKING").arg("ON");
    if !prefixes.is_empty() {
        command.arg("BCAST").arg("NOLOOP");
    }
    for prefix in prefixes {
        command.arg("PREFIX").arg(prefix);
    }
    command.query_async(connection).await
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(PIPELINE_BUFFER)
}
