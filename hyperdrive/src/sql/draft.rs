//! A statement while it is read.

use std::ops::Range;

use super::{
    Cache, Call, Dialect, Effect, Kind, Leaves, Pin, Previous, Refusal, Statement, TableName, Transaction,
    Writes,
};

/// More names than this in one statement are not tracked.
const NAMES_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) dialect: Dialect,
    pub(super) kind: Kind,
    pub(super) transaction: Option<Transaction<'a>>,
    pub(super) effects: Vec<Effect<'a>>,
    pub(super) pin: Option<Pin>,
    pub(super) previous: Option<Previous>,
    pub(super) leaves: Option<Leaves>,
    pub(super) reads: Vec<TableName<'a>>,
    pub(super) functions: Vec<Call<'a>>,
    pub(super) written: Vec<TableName<'a>>,
    pub(super) writes_everything: bool,
    pub(super) unknown_function: bool,
    refusal: Option<Refusal>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            kind: Kind::Unknown,
            transaction: None,
            effects: Vec::new(),
            pin: None,
            previous: None,
            leaves: None,
            reads: Vec::new(),
            functions: Vec::new(),
            written: Vec::new(),
            writes_everything: false,
            unknown_function: false,
            refusal: None,
        }
    }

    pub(super) fn refuse(&mut self, why: Refusal) {
        self.refusal.get_or_insert(why);
    }

    /// Something that may be code was not understood.
    pub(super) fn unparsed(&mut self) {
        self.refuse(Refusal::Unparsed);
        self.writes_everything = true;
        self.pin(Pin::Unknown);
    }

    pub(super) fn pin(&mut self, why: Pin) {
        self.pin.get_or_insert(why);
    }

    pub(super) fn effect(&mut self, effect: Effect<'a>) {
        match &effect {
            Effect::UserVariable(_) => self.pin(Pin::UserVariable),
            Effect::NextTransaction if self.dialect == Dialect::MySql => self.pin(Pin::NextTransaction),
            Effect::NextTransaction => {}
            effect if !effect.is_profile() => self.pin(Pin::Variable),
            _ => {}
        }
        self.effects.push(effect);
    }

    pub(super) fn asks(&mut self, what: Previous) {
        self.previous.get_or_insert(what);
        self.refuse(Refusal::Previous);
    }

    pub(super) fn leaves(&mut self, what: Leaves) {
        self.leaves.get_or_insert(what);
    }

    pub(super) fn read(&mut self, name: TableName<'a>) {
        if system_catalog(self.dialect, &name) {
            self.refuse(Refusal::SystemCatalog);
        }
        if self.reads.contains(&name) {
            return;
        }
        if self.reads.len() >= NAMES_MAX {
            self.refuse(Refusal::TooComplex);
            return;
        }
        self.reads.push(name);
    }

    pub(super) fn write(&mut self, name: TableName<'a>) {
        self.kind = Kind::Write;
        if self.written.contains(&name) {
            return;
        }
        if self.written.len() >= NAMES_MAX {
            self.writes_everything = true;
            return;
        }
        self.written.push(name);
    }

    pub(super) fn call(&mut self, name: TableName<'a>, known: bool) {
        if !known {
            self.unknown_function = true;
            self.pin(Pin::UnknownFunction);
        }
        let call = Call { name, known };
        if self.functions.contains(&call) {
            return;
        }
        if self.functions.len() >= NAMES_MAX {
            self.refuse(Refusal::TooComplex);
            self.writes_everything |= !call.known;
            return;
        }
        self.functions.push(call);
    }

    pub(super) fn finish(mut self, span: Range<usize>) -> Statement<'a> {
        if self.kind == Kind::Unknown {
            self.unparsed();
        }
        let writes = match (
            self.writes_everything,
            self.unknown_function,
            self.written.is_empty(),
        ) {
            (true, _, _) => Writes::Everything,
            (false, true, _) => Writes::Functions(self.written),
            (false, false, true) => Writes::None,
            (false, false, false) => Writes::Tables(self.written),
        };
        if self.kind == Kind::Write {
            self.leaves.get_or_insert(Leaves::Write);
        }
        let refusal = match (&writes, self.refusal) {
            _ if self.kind != Kind::Read => Some(Refusal::NotARead),
            (_, Some(why)) => Some(why),
            (Writes::Functions(_), None) => Some(Refusal::UnknownFunction),
            (Writes::Everything | Writes::Tables(_), None) => Some(Refusal::Writes),
            (Writes::None, None) => self.reads.is_empty().then_some(Refusal::NoTables),
        };
        Statement {
            span,
            kind: self.kind,
            transaction: self.transaction,
            effects: self.effects,
            pin: self.pin,
            previous: self.previous,
            leaves: self.leaves,
            questions: Vec::new(),
            reads: self.reads,
            functions: self.functions,
            writes,
            cache: refusal.map_or(Cache::Cacheable, Cache::Refused),
            hint: None,
        }
    }
}

/// Tables that tell about the server, and change without a write.
fn system_catalog(dialect: Dialect, name: &TableName<'_>) -> bool {
    let schemas: &[&str] = match dialect {
        Dialect::MySql => &["information_schema", "mysql", "performance_schema", "sys"],
        Dialect::Postgres => &["information_schema", "pg_catalog", "pg_toast"],
    };
    match &name.qualifier {
        Some(qualifier) => schemas
            .iter()
            .any(|schema| qualifier.eq_ignore_ascii_case(schema)),
        None => dialect == Dialect::Postgres && name.name.starts_with("pg_"),
    }
}
