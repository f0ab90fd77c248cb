//! The commands on the purge stream and their answers.

use redis::{Cmd, Value};

use super::record::{FIELD, Record};
use super::stream_id::StreamId;

/// Records asked for at once.
pub(super) const PAGE: usize = 512;
/// Records kept in the stream, about.
const KEPT: usize = 100_000;

/// Appends a record; Redis chooses the ID unless one is given.
pub(super) fn append(key: &str, id: Option<StreamId>, record: &Record) -> Cmd {
    let mut cmd = redis::cmd("XADD");
    cmd.arg(key).arg("MAXLEN").arg("~").arg(KEPT);
    match id {
        Some(id) => cmd.arg(id.to_string()),
        None => cmd.arg("*"),
    };
    cmd.arg(FIELD).arg(record.to_json());
    cmd
}

/// A page from `from` on, inclusive; from the beginning without.
pub(super) fn page(key: &str, from: Option<StreamId>, count: usize) -> Cmd {
    let mut cmd = redis::cmd("XRANGE");
    cmd.arg(key);
    match from {
        Some(id) => cmd.arg(id.to_string()),
        None => cmd.arg("-"),
    };
    cmd.arg("+").arg("COUNT").arg(count);
    cmd
}

/// Waits for records behind `last`.
pub(super) fn wait(key: &str, last: StreamId, millis: u64) -> Cmd {
    let mut cmd = redis::cmd("XREAD");
    cmd.arg("COUNT").arg(PAGE).arg("BLOCK").arg(millis);
    cmd.arg("STREAMS").arg(key).arg(last.to_string());
    cmd
}

/// Records in an answer to `XRANGE`; `None` when it is no such answer.
pub(super) fn records(answer: &Value) -> Option<Vec<(StreamId, Record)>> {
    match answer {
        Value::Nil => Some(Vec::new()),
        Value::Array(items) => items.iter().map(item).collect(),
        _ => None,
    }
}

/// Records in an answer to `XREAD` of one stream; `None` when it is no such answer.
pub(super) fn read_records(answer: &Value) -> Option<Vec<(StreamId, Record)>> {
    match answer {
        Value::Nil => Some(Vec::new()),
        Value::Map(streams) => streams
            .first()
            .map_or(Some(Vec::new()), |(_, items)| records(items)),
        Value::Array(streams) => match streams.first() {
            None => Some(Vec::new()),
            Some(Value::Array(stream)) => records(stream.get(1)?),
            Some(_) => None,
        },
        _ => None,
    }
}

/// The ID in the answer to `XADD`.
pub(super) fn appended(answer: &Value) -> Option<StreamId> {
    StreamId::parse(bytes(answer)?)
}

fn item(value: &Value) -> Option<(StreamId, Record)> {
    let Value::Array(parts) = value else { return None };
    let id = StreamId::parse(bytes(parts.first()?)?)?;
    let fields: Vec<&[u8]> = match parts.get(1)? {
        Value::Array(fields) => fields.iter().filter_map(bytes).collect(),
        Value::Map(fields) => fields
            .iter()
            .flat_map(|(k, v)| [bytes(k), bytes(v)])
            .flatten()
            .collect(),
        _ => Vec::new(),
    };
    let record = fields
        .chunks_exact(2)
        .find(|pair| pair[0] == FIELD.as_bytes())
        .map_or_else(Record::unknown, |pair| Record::from_json(pair[1]));
    Some((id, record))
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}
