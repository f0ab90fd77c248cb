//! Carries a rule out, step by step.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::rule::{Done, Profile, Rule, Script, Source, Step, Way, get};
use crate::stage::Stage;
use crate::support::origin::Seen;
use crate::support::{Gate, Gateway, Http1, Http2, Req, Response, eventually};
use crate::world::{World, filled_in, host};

/// Carries a rule out; what went wrong, if something did.
pub fn perform(world: &World, rule: &Rule, profile: Profile, way: Way, stage: Stage) -> Result<(), String> {
    let Some(nodes) = world.nodes(stage) else {
        return Ok(());
    };
    let path = world.path();
    let mut stored = String::new();
    let mut bodies = Vec::new();
    for (index, step) in rule.steps.iter().enumerate() {
        let own = body_of(&path, index, step);
        world.script(&path, scripted(world, step), own.clone());
        let request = written(&step.request, &path, profile);
        let response = world.runtime.block_on(async {
            tokio::time::sleep(step.wait).await;
            let response = ask(nodes.gateway(index), world, way, &request).await;
            if step.source != Source::Store {
                nodes.agree(index).await;
            }
            response
        });
        let seen = world.seen(&path);
        if step.refreshed {
            world.runtime.block_on(async {
                refreshed(nodes.gateway(index), world, &path, profile, way).await;
                nodes.agree(index).await;
            });
        }
        if step.source == Source::Origin && step.request.method != "HEAD" {
            stored.clone_from(&own);
        }
        bodies.push(own);
        let done = Done {
            response: &response,
            seen: &seen,
            body: step.body_of.map_or(&stored, |index| &bodies[index]),
        };
        let judged = catch_unwind(AssertUnwindSafe(|| {
            judge(step, &done);
            step.checks.iter().for_each(|check| check(&done));
        }));
        if let Err(panic) = judged {
            let why = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_default();
            return Err(format!(
                "step {} of {path}: {why}\nasked the origin: {seen:#?}\ngot: {response:?}",
                index + 1
            ));
        }
    }
    Ok(())
}

/// What the origin does in a step; a slow one waits at a gate.
fn scripted(world: &World, step: &Step) -> Script {
    let mut script = step.script.clone();
    if let Script::Answer(answer) = &mut script
        && !step.delay.is_zero()
    {
        let (gate, delay) = (Gate::new(), step.delay);
        answer.before_head = Some(gate.clone());
        world.runtime.spawn(async move {
            tokio::time::sleep(delay).await;
            gate.open();
        });
    }
    script
}

/// The answer; one with status 0 when the connection ended before it.
async fn ask(gateway: &Gateway, world: &World, way: Way, request: &Req) -> Response {
    let answer = match way {
        Way::H1 => {
            let mut client = Http1::connect(gateway.address()).await;
            client.try_fetch(request).await.ok()
        }
        Way::H2c => Http2::connect(gateway.h2c()).await.try_fetch(request).await.ok(),
        Way::H2 => world.tls_client(gateway).await.try_fetch(request).await.ok(),
    };
    answer.unwrap_or_default()
}

/// Waits for the end of a refresh in the background.
async fn refreshed(gateway: &Gateway, world: &World, path: &str, profile: Profile, way: Way) {
    eventually("a refresh reaches the origin", async || {
        !world.seen(path).is_empty()
    })
    .await;
    // Takes what is stored as it is: causes no refresh of its own.
    let look = get().header("Cache-Control", "only-if-cached, max-stale");
    eventually("a refresh is stored", async || {
        let response = ask(gateway, world, way, &written(&look, path, profile)).await;
        response.x_cache() != "STALE"
    })
    .await;
}

/// What the origin sends in a step: its own text, or one that names rule and step.
fn body_of(path: &str, index: usize, step: &Step) -> String {
    use crate::support::Body;
    match &step.script {
        Script::Answer(answer) => match &answer.body {
            Body::Sized(body) if !body.is_empty() => String::from_utf8_lossy(body).into_owned(),
            Body::Chunked(pieces) => String::from_utf8_lossy(&pieces.concat()).into_owned(),
            _ => format!("{path} step {}", index + 1),
        },
        _ => format!("{path} step {}", index + 1),
    }
}

fn written(request: &Req, path: &str, profile: Profile) -> Req {
    let mut request = request.clone().host(&host(profile));
    request.target = format!("{path}{}", request.target);
    for (_, value) in &mut request.headers {
        *value = filled_in(value);
    }
    request
}

/// What holds for every answer from this source.
fn judge(step: &Step, done: &Done<'_>) {
    let response = done.response;
    let asked = done.seen.len();
    let status = response.cache_status();
    match step.source {
        Source::Origin => {
            assert_eq!(asked, 1, "asks the origin once");
            assert!(status.contains("; fwd="), "{status}");
            if let Script::Answer(answer) = &step.script {
                assert_eq!(response.status, answer.status);
            }
        }
        Source::Store => {
            assert_eq!(asked, 0, "does not ask the origin");
            assert!(status.contains("popgate; hit"), "{status}");
            assert!(response.age().is_some(), "has an Age");
        }
        Source::Stale => {
            assert_eq!(response.x_cache(), "STALE");
            assert!(response.age().is_some(), "has an Age");
        }
        Source::Validated => {
            assert_eq!(asked, 1, "asks the origin once");
            assert!(is_conditional(&done.seen[0]), "asks conditionally");
            assert_eq!(response.x_cache(), "REVALIDATED");
        }
        Source::Gateway => assert_eq!(asked, 0, "does not ask the origin"),
        Source::Anyone => return,
    }
    if step.source != Source::Gateway && has_whole_body(step, response) {
        assert_eq!(response.text(), done.body);
    }
}

fn has_whole_body(step: &Step, response: &Response) -> bool {
    step.request.method != "HEAD" && !matches!(response.status, 204 | 206 | 304 | 416)
}

fn is_conditional(seen: &Seen) -> bool {
    seen.header("if-none-match").is_some() || seen.header("if-modified-since").is_some()
}
