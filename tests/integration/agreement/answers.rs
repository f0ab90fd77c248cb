//! What the gateways answer, ready to be compared.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::*;

/// Everything that comes until the gateway closes.
pub async fn talk(address: std::net::SocketAddr, bytes: Vec<u8>) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut from, mut to) = stream.split();
    let send = async {
        // The gateway may close before all is sent.
        let _ = to.write_all(&bytes).await;
    };
    let mut got = Vec::new();
    let receive = async {
        match from.read_to_end(&mut got).await {
            Ok(_) => {}
            // Bytes behind a refusal: what came before the reset counts.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("{error}"),
        }
    };
    soon("the end of the connection", async { tokio::join!(send, receive) }).await;
    got
}

/// One answer, ready to be compared.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    status_line: String,
    fields: Vec<(String, String)>,
    /// Numbers that may differ by one.
    seconds: Vec<(String, i64)>,
    body: String,
}

impl Told {
    pub fn agrees_with(&self, other: &Self) -> bool {
        let near = self.seconds.len() == other.seconds.len()
            && self
                .seconds
                .iter()
                .zip(&other.seconds)
                .all(|(a, b)| a.0 == b.0 && a.1.abs_diff(b.1) <= 1);
        self.status_line == other.status_line
            && self.fields == other.fields
            && self.body == other.body
            && near
    }
}

/// Splits a stream of answers; no body of this world says `HTTP/1.1 `. Whether the engine says `100 Continue`
/// before it has the origin's answer is a matter of luck, so interim answers do not count.
pub fn answers(bytes: &[u8]) -> Vec<Told> {
    let text = String::from_utf8_lossy(bytes);
    text.split("HTTP/1.1 ")
        .skip(1)
        .filter(|answer| !answer.starts_with("100 "))
        .map(|answer| {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
            let mut lines = head.split("\r\n");
            let status_line = lines.next().unwrap_or_default().to_owned();
            let (mut fields, mut seconds) = (Vec::new(), Vec::new());
            for line in lines {
                let (name, value) = line.split_once(": ").unwrap_or((line, ""));
                let name = name.to_owned();
                match name.to_ascii_lowercase().as_str() {
                    "date" | "cf-ray" => fields.push((name, String::new())),
                    "age" => seconds.push((name, value.parse().unwrap())),
                    "cache-status" if value.contains("; ttl=") => {
                        let (front, back) = value.split_once("; ttl=").unwrap();
                        let end = back.find(';').unwrap_or(back.len());
                        seconds.push((name.clone(), back[..end].parse().unwrap()));
                        fields.push((name, format!("{front}{}", &back[end..])));
                    }
                    _ => fields.push((name, value.to_owned())),
                }
            }
            fields.sort();
            seconds.sort();
            Told {
                status_line,
                fields,
                seconds,
                body: without_id(body),
            }
        })
        .collect()
}

/// A purge's answer without its place in the log, which begins anew with each process.
pub fn without_id(body: &str) -> String {
    match body.split_once("\"id\":\"") {
        Some((front, back)) => format!("{front}{}", back.trim_start_matches(|c| c != '"')),
        None => body.to_owned(),
    }
}
