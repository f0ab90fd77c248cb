//! Writes by XML-RPC (mobile apps, old desktop editors): the method's name tells, and an answer without a
//! fault.

use http::StatusCode;

use super::changes::{ChangeKind, Changes, Wide};
use super::{Effect, Sent};

/// Begins of method names after their first dot that write.
const WRITES: [&str; 8] = [
    "new", "edit", "delete", "publish", "set", "upload", "restore", "add",
];

/// Bytes of the request in which the method's name stands.
const NAME_WITHIN: usize = 2048;

/// See [`super::Write::on_head`].
pub(super) fn on_head(sent: Sent<'_>, status: StatusCode) -> Effect {
    match method(sent.bytes) {
        Some(name) if status == StatusCode::OK && writes(&name) => Effect::AfterBody,
        _ => Effect::Nothing,
    }
}

fn method(body: &[u8]) -> Option<String> {
    let start = String::from_utf8_lossy(&body[..body.len().min(NAME_WITHIN)]);
    let (_, rest) = start.split_once("<methodName>")?;
    let (name, _) = rest.split_once("</methodName>")?;
    Some(name.trim().to_ascii_lowercase())
}

fn writes(name: &str) -> bool {
    let action = name.split_once('.').map_or(name, |(_, action)| action);
    name == "system.multicall" || WRITES.iter().any(|begin| action.starts_with(begin))
}

/// See [`super::Write::on_answer`]. Wrong passwords are answered with 200 and a fault; in a multicall each
/// call has its own, and one that went through is an array within the array of results.
pub(super) fn on_answer(sent: Sent<'_>, answer: Option<&[u8]>) -> Option<Changes> {
    let changed = Changes::wide(ChangeKind::Post, Wide::Pages);
    let Some(answer) = answer else {
        return Some(changed);
    };
    let text = String::from_utf8_lossy(answer);
    let multicall = method(sent.bytes).is_some_and(|name| name == "system.multicall");
    let through = if multicall {
        text.matches("<array>").count() > 1
    } else {
        text.contains("<methodResponse>") && !text.contains("<fault>")
    };
    through.then_some(changed)
}
