//! The words that rules are written in.
//!
//! ```text
//! rule("rfc9111_5_2_2_1_max_age")
//!     .fill(ok().header("Cache-Control", "max-age=60"))   asked once, answered by the origin
//!     .hit()                                              asked again, answered from the store
//! ```

use std::time::Duration;

use crate::stage::Stage;
use crate::support::origin::Seen;
use crate::support::{Answer, Req, Response};

/// A way to configure the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `preset: standard` as it comes.
    Safe,
    /// The same, storing `Set-Cookie`.
    StoreSetCookie,
    /// The same, with heuristic freshness.
    Heuristic,
    /// The same, with directives of requests ignored.
    Deaf,
}

impl Profile {
    pub const ALL: [Self; 4] = [Self::Safe, Self::StoreSetCookie, Self::Heuristic, Self::Deaf];

    pub fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::StoreSetCookie => "store_set_cookie",
            Self::Heuristic => "heuristic",
            Self::Deaf => "deaf",
        }
    }
}

/// How a client speaks with the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// HTTP/1.1.
    H1,
    /// HTTP/2 without TLS, by prior knowledge.
    H2c,
    /// HTTP/2 over TLS.
    H2,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::H1, Self::H2c, Self::H2];

    pub fn name(self) -> &'static str {
        match self {
            Self::H1 => "h1",
            Self::H2c => "h2c",
            Self::H2 => "h2",
        }
    }
}

/// Where the answer to a step comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The origin: its answer to this step.
    Origin,
    /// The store, and the origin is not asked: the last answer that came from the origin.
    Store,
    /// The store, stale; the origin may be asked before or after that.
    Stale,
    /// The store, after the origin said 304.
    Validated,
    /// popgate itself.
    Gateway,
    /// Whoever; the step's checks tell.
    Anyone,
}

/// What the origin does in a step.
#[derive(Debug, Clone)]
pub enum Script {
    /// Answers. [`DATED`] values are filled in, and a `Date` of now unless [`Answer`] brings one.
    Answer(Box<Answer>),
    /// Answers 304 with these fields if it was asked conditionally.
    NotModified(Vec<(String, String)>),
    /// Closes the connection.
    Down,
}

impl From<Answer> for Script {
    fn from(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

/// What came of a step.
pub struct Done<'a> {
    pub response: &'a Response,
    /// What the origin was asked.
    pub seen: &'a [Seen],
    /// What had to come.
    pub body: &'a str,
}

type Check = Box<dyn Fn(&Done<'_>) + Send + Sync>;

/// A request and what is to come of it.
pub struct Step {
    pub request: Req,
    pub script: Script,
    pub source: Source,
    /// Which step's body is expected, if not the last stored one.
    pub body_of: Option<usize>,
    pub checks: Vec<Check>,
    pub wait: Duration,
    /// How long the origin takes.
    pub delay: Duration,
    /// Afterwards a refresh in the background is waited for.
    pub refreshed: bool,
}

/// A rule.
pub struct Rule {
    pub name: String,
    pub profiles: Vec<Profile>,
    pub steps: Vec<Step>,
    way: Option<Way>,
    one_node: bool,
}

/// A rule that holds in both profiles of the standard preset, over both protocols.
pub fn rule(name: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        profiles: vec![Profile::Safe, Profile::StoreSetCookie],
        steps: Vec::new(),
        way: None,
        one_node: false,
    }
}

/// One rule for each of these values, which stand behind its name.
pub fn each<'a>(
    name: &str,
    values: impl IntoIterator<Item = &'a str>,
    make: impl Fn(Rule, &'a str) -> Rule,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    for value in values {
        rules.push(make(rule(&format!("{name}[{value}]")), value));
    }
    rules
}

/// A date this many seconds from now, filled in when it is sent.
pub fn date(from_now: i64) -> String {
    format!("{DATED}{from_now}")
}

/// Marks a value that [`date`] made.
pub const DATED: &str = "@date:";
/// In a value of an answer: the rule's own path.
pub const OWN_PATH: &str = "@path";
/// As a `Date` value: none is sent.
pub const NO_DATE: &str = "@none";

/// 200 with a body that tells which step it answered.
pub fn ok() -> Answer {
    status(200)
}

/// Any status with such a body.
pub fn status(status: u16) -> Answer {
    Answer::new(status, Vec::new())
}

/// 200 with `Cache-Control`.
pub fn cc(value: &str) -> Answer {
    ok().header("Cache-Control", value)
}

/// 200, fresh for an hour.
pub fn fresh() -> Answer {
    cc("max-age=3600")
}

/// 200 that was fresh once, became stale 100 s ago and can be validated.
pub fn stale(cache_control: &str) -> Answer {
    cc(cache_control).header("Age", "3700").header("ETag", "\"v1\"")
}

/// A 304 with these fields.
pub fn not_modified(fields: &[(&str, &str)]) -> Script {
    Script::NotModified(
        fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    )
}

/// `GET` of the rule's own URL. What a target holds comes behind that.
pub fn get() -> Req {
    Req::get("")
}

/// Another method.
pub fn method(method: &str) -> Req {
    Req::new(method, "")
}

impl Rule {
    /// Holds in this profile only.
    pub fn only(mut self, profile: Profile) -> Self {
        self.profiles = vec![profile];
        self
    }

    /// Can only be seen this way.
    pub fn over(mut self, way: Way) -> Self {
        self.way = Some(way);
        self
    }

    /// It speaks of what one gateway knows: another hears of it by the next lookup that is not fresh.
    pub fn on_one_node(mut self) -> Self {
        self.one_node = true;
        self
    }

    pub fn holds_on(&self, stage: Stage) -> bool {
        !(self.one_node && stage == Stage::TwoNodes)
    }

    pub fn holds_over(&self, way: Way) -> bool {
        self.way.is_none_or(|only| only == way)
    }

    /// A step.
    pub fn step(mut self, request: Req, script: impl Into<Script>, source: Source) -> Self {
        self.steps.push(Step {
            request,
            script: script.into(),
            source,
            body_of: None,
            checks: Vec::new(),
            wait: Duration::ZERO,
            delay: Duration::ZERO,
            refreshed: false,
        });
        self
    }

    /// Asked; this answer of the origin comes.
    pub fn fill(self, answer: Answer) -> Self {
        self.fill_for(get(), answer)
    }

    pub fn fill_for(self, request: Req, answer: Answer) -> Self {
        self.step(request, answer, Source::Origin)
    }

    /// Asked again, answered from the store.
    pub fn hit(self) -> Self {
        self.hit_for(get())
    }

    pub fn hit_for(self, request: Req) -> Self {
        self.step(request, ok(), Source::Store)
    }

    /// Asked again; the origin answers.
    pub fn miss(self) -> Self {
        self.miss_for(get())
    }

    pub fn miss_for(self, request: Req) -> Self {
        self.step(request, ok(), Source::Origin)
    }

    /// Asked again; validated by the origin, answered from the store.
    pub fn validated(self, fields: &[(&str, &str)]) -> Self {
        self.step(get(), not_modified(fields), Source::Validated)
    }

    /// Asked again; answered from the store, stale.
    pub fn stale_for(self, request: Req, script: impl Into<Script>) -> Self {
        self.step(request, script, Source::Stale)
    }

    /// The last step's body is that of this step, counted from 1.
    pub fn body_of(mut self, step: usize) -> Self {
        self.last().body_of = Some(step - 1);
        self
    }

    /// Before the last step this much time passes.
    pub fn after(mut self, wait: Duration) -> Self {
        self.last().wait = wait;
        self
    }

    /// In the last step the origin takes this long.
    pub fn slowly(mut self, delay: Duration) -> Self {
        self.last().delay = delay;
        self
    }

    /// After the last step its script is carried on until the background refresh has come in.
    pub fn refreshed(mut self) -> Self {
        self.last().refreshed = true;
        self
    }

    /// More about the last step.
    pub fn and(mut self, check: impl Fn(&Done<'_>) + Send + Sync + 'static) -> Self {
        self.last().checks.push(Box::new(check));
        self
    }

    /// The last answer's status.
    pub fn status(self, status: u16) -> Self {
        self.and(move |done| assert_eq!(done.response.status, status, "{:?}", done.response))
    }

    /// The last answer has this field with this value.
    pub fn gives(self, name: &str, value: &str) -> Self {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.and(move |done| {
            let got = done.response.header(&name);
            assert_eq!(got.as_deref(), Some(&*value), "{name} in {:?}", done.response);
        })
    }

    /// The last answer lacks this field.
    pub fn lacks(self, name: &str) -> Self {
        let name = name.to_owned();
        self.and(move |done| assert_eq!(done.response.header(&name), None, "{:?}", done.response))
    }

    /// The last answer's `Cache-Status` has this in it.
    pub fn says(self, part: &str) -> Self {
        let part = part.to_owned();
        self.and(move |done| {
            let status = done.response.cache_status();
            assert!(status.contains(&*part), "{part} in {status}");
        })
    }

    /// The origin was asked with this field, or without it.
    pub fn origin_saw(self, name: &str, value: Option<&str>) -> Self {
        let (name, value) = (name.to_owned(), value.map(str::to_owned));
        self.and(move |done| {
            let seen = done.seen.last().unwrap();
            assert_eq!(seen.header(&name), value, "{name} in {seen:?}");
        })
    }

    fn last(&mut self) -> &mut Step {
        self.steps.last_mut().unwrap()
    }
}
