//! From the first word of a statement to what it is.

mod objects;
mod session;
mod set_mysql;
mod set_postgres;

use super::cursor::Cursor;
use super::draft::Draft;
use super::keyword::Keyword;
use super::lexer::TokenKind;
use super::scan::Scan;
use super::{
    Cache, Dialect, Effect, Hint, Kind, Leaves, Options, Pin, Previous, Refusal, Script, Statement,
    Transaction,
};

/// More statements than this in one text are not told apart.
const STATEMENTS_MAX: usize = 1000;

pub(super) fn classify<'a>(dialect: Dialect, text: &'a [u8], options: &Options) -> Script<'a> {
    let mut cursor = Cursor::new(dialect, text, options);
    let mut statements: Vec<Statement<'a>> = Vec::new();
    loop {
        while cursor.accept_symbol(b';') {}
        if cursor.token.kind == TokenKind::End {
            break;
        }
        let start = cursor.token.start;
        if statements.len() >= STATEMENTS_MAX {
            cursor.rest();
            statements.push(Statement::unknown(start..text.len(), Refusal::TooComplex));
            break;
        }
        cursor.begin();
        let mut draft = Draft::new(dialect);
        if cursor.token.kind != TokenKind::Broken {
            Reader {
                cursor: &mut cursor,
                draft: &mut draft,
            }
            .statement();
        }
        // whatever was not looked at belongs to the statement
        cursor.rest();
        if let Some(problem) = cursor.problem() {
            statements.push(Statement::unknown(start..text.len(), problem));
            break;
        }
        let span = start..cursor.previous_end.max(start);
        let mut statement = draft.finish(span);
        statement.hint = cursor.take_hint();
        if statement.hint == Some(Hint::NoCache) && statement.cache == Cache::Cacheable {
            statement.cache = Cache::Refused(Refusal::Hint);
        }
        statements.push(statement);
    }
    if statements.len() > 1 {
        for statement in &mut statements {
            if statement.cache == Cache::Cacheable {
                statement.cache = Cache::Refused(Refusal::SeveralStatements);
            }
        }
    } else if let [one] = statements.as_mut_slice() {
        one.questions = super::questions::questions(dialect, text, options, one);
    }
    Script { statements }
}

struct Reader<'s, 'a, 'o> {
    cursor: &'s mut Cursor<'a, 'o>,
    draft: &'s mut Draft<'a>,
}

impl Reader<'_, '_, '_> {
    fn mysql(&self) -> bool {
        self.cursor.dialect == Dialect::MySql
    }

    fn scan(&mut self, kind: Kind) {
        self.draft.kind = kind;
        Scan::new(self.cursor, self.draft).run();
    }

    fn done(&mut self, kind: Kind) {
        self.draft.kind = kind;
        self.cursor.rest();
    }

    fn pinned(&mut self, kind: Kind, pin: Pin) {
        self.draft.pin(pin);
        self.done(kind);
    }

    fn implicit_commit(&mut self) {
        if self.mysql() {
            self.draft.transaction = Some(Transaction::ImplicitCommit);
        }
    }

    fn statement(&mut self) {
        use Keyword as K;
        let word = self.cursor.word;
        match word {
            K::Select | K::With | K::Values | K::Insert | K::Update | K::Delete => self.scan(Kind::Read),
            K::Table => self.scan(Kind::Read),
            K::Replace if self.mysql() => self.scan(Kind::Read),
            K::Merge if !self.mysql() => self.scan(Kind::Read),
            K::Other if self.cursor.symbol(b'(') => self.scan(Kind::Read),
            K::Begin | K::Start | K::Commit | K::End | K::Rollback | K::Abort | K::Savepoint | K::Release => {
                self.transaction();
            }
            K::Set if self.mysql() => self.set_mysql(),
            K::Set => self.set_postgres(),
            K::Prepare | K::Execute | K::Deallocate => self.prepared(),
            K::Create
            | K::Alter
            | K::Drop
            | K::Truncate
            | K::Rename
            | K::Grant
            | K::Revoke
            | K::Comment
            | K::Import
            | K::Reassign
            | K::Security
            | K::Refresh => self.object(),
            K::Copy if !self.mysql() => self.copy(),
            K::Load => self.load(),
            K::Show | K::Help | K::Explain | K::Desc | K::Describe => self.show(),
            K::Analyze if self.mysql() && !matches!(self.cursor.peek_word(), K::Table | K::Local) => {
                self.show()
            }
            _ if self.mysql() => self.mysql_only(),
            _ => self.postgres_only(),
        }
    }

    fn mysql_only(&mut self) {
        use Keyword as K;
        let word = self.cursor.word;
        match word {
            K::Use => self.use_database(),
            K::Kill => self.kill(),
            K::Do => {
                self.cursor.advance();
                self.scan(Kind::Call);
            }
            K::Call => {
                self.draft.writes_everything = true;
                self.pinned(Kind::Call, Pin::StoredProgram);
            }
            K::Lock => {
                self.implicit_commit();
                self.pinned(Kind::Other, Pin::LockTables);
            }
            K::Unlock => {
                self.draft.effect(Effect::Release(Pin::LockTables));
                self.done(Kind::Other);
            }
            K::Flush => self.flush(),
            K::Backup => self.pinned(Kind::Other, Pin::FlushReadLock),
            K::Handler => self.pinned(Kind::Other, Pin::Handler),
            K::Xa => self.two_phase(),
            K::Install | K::Uninstall => self.pinned(Kind::Other, Pin::Library),
            K::Get if matches!(self.cursor.peek_word(), K::Diagnostics) => {
                self.draft.asks(Previous::Warnings);
                self.pinned(Kind::Other, Pin::UserVariable);
            }
            K::Analyze | K::Optimize | K::Check | K::Checksum | K::Repair => {
                self.implicit_commit();
                self.draft.writes_everything = self.cursor.is(K::Repair);
                self.done(Kind::Other);
            }
            _ => self.draft.unparsed(),
        }
    }

    fn postgres_only(&mut self) {
        use Keyword as K;
        let word = self.cursor.word;
        match word {
            K::Reset | K::Discard => self.reset(),
            K::Listen => self.pinned(Kind::Other, Pin::Listen),
            K::Unlisten => {
                self.cursor.advance();
                if self.cursor.symbol(b'*') {
                    self.draft.effect(Effect::Release(Pin::Listen));
                }
                self.done(Kind::Other);
            }
            K::Declare => self.cursor_declared(),
            K::Close => {
                self.cursor.advance();
                if self.cursor.is(K::All) {
                    self.draft.effect(Effect::Release(Pin::HoldCursor));
                }
                self.done(Kind::Other);
            }
            K::Call | K::Do => {
                self.draft.writes_everything = true;
                self.pinned(Kind::Call, Pin::StoredProgram);
            }
            // FETCH runs the query of the cursor, whose functions may write
            K::Fetch | K::Move => {
                self.draft.writes_everything = true;
                self.done(Kind::Other);
            }
            K::Notify | K::Lock | K::Analyze | K::Vacuum | K::Reindex | K::Cluster | K::Checkpoint => {
                self.done(Kind::Other);
            }
            _ => self.draft.unparsed(),
        }
    }

    /// `DECLARE name … CURSOR [WITH HOLD] FOR query`.
    fn cursor_declared(&mut self) {
        let mut hold = false;
        while !self.cursor.at_end() && !self.cursor.is(Keyword::For) {
            hold |= self.cursor.is(Keyword::Hold) && self.cursor.previous.1 == Keyword::With;
            self.cursor.advance();
        }
        if hold {
            self.draft.pin(Pin::HoldCursor);
        }
        if !self.cursor.accept(Keyword::For) {
            self.draft.unparsed();
        }
        self.scan(Kind::Other);
    }

    fn prepared(&mut self) {
        use Keyword as K;
        if self.cursor.accept(K::Deallocate) {
            self.cursor.accept(K::Prepare);
            let all = self.cursor.is(K::All) && !self.mysql();
            let name = self.cursor.identifier().ok();
            if !all && name.is_none() {
                return self.draft.unparsed();
            }
            self.draft
                .effect(Effect::Deallocate(if all { None } else { name }));
            return self.done(Kind::Other);
        }
        if self.cursor.is(K::Prepare) && self.cursor.peek_word() == K::Transaction && !self.mysql() {
            return self.two_phase();
        }
        self.draft.writes_everything |= self.cursor.is(K::Execute);
        self.draft.pin(Pin::PreparedText);
        let call = self.cursor.is(K::Execute);
        self.done(if call { Kind::Call } else { Kind::Other });
    }

    fn two_phase(&mut self) {
        self.draft.transaction = Some(Transaction::TwoPhase);
        self.draft.writes_everything = true;
        self.pinned(Kind::Transaction, Pin::TwoPhase);
    }

    fn flush(&mut self) {
        use Keyword as K;
        self.implicit_commit();
        while !self.cursor.at_end() {
            let lock =
                (self.cursor.is(K::Read) && self.cursor.peek_word() == K::Lock) || self.cursor.is(K::Export);
            if lock {
                self.draft.pin(Pin::FlushReadLock);
            }
            self.cursor.advance();
        }
        self.draft.writes_everything = true;
        self.done(Kind::Other);
    }

    /// `LOAD DATA [LOCAL] INFILE … INTO TABLE t`, `LOAD INDEX`, PostgreSQL `LOAD 'library'`.
    fn load(&mut self) {
        use Keyword as K;
        if !self.mysql() {
            return self.pinned(Kind::Other, Pin::Library);
        }
        while !(self.cursor.at_end() || self.cursor.is(K::Into) && self.cursor.peek_word() == K::Table) {
            if self.cursor.is(K::Local) {
                self.draft.pin(Pin::LoadLocal);
            }
            self.cursor.advance();
        }
        self.cursor.accept_any(&[K::Into, K::Table]);
        match self.cursor.table_name() {
            Some(Ok(name)) => self.draft.write(name),
            _ => self.draft.writes_everything = true,
        }
        // the rest may set user variables
        let pin = self.draft.pin;
        self.scan(Kind::Write);
        self.draft.pin = pin.or(self.draft.pin);
        self.draft.leaves(Leaves::Write);
    }

    /// `COPY t FROM`, `COPY t TO`, `COPY (query) TO`.
    fn copy(&mut self) {
        use Keyword as K;
        self.cursor.advance();
        if self.cursor.symbol(b'(') {
            return self.scan(Kind::CopyOut);
        }
        let name = self.cursor.table_name();
        if self.cursor.symbol(b'(') {
            while !self.cursor.at_end() && !self.cursor.accept_symbol(b')') {
                self.cursor.advance();
            }
        }
        match (name, self.cursor.is(K::From), self.cursor.is(K::To)) {
            (Some(Ok(name)), true, _) => self.draft.write(name),
            (_, true, _) => self.draft.writes_everything = true,
            (Some(_), _, true) => return self.done(Kind::CopyOut),
            _ => return self.draft.unparsed(),
        }
        self.done(Kind::Write);
    }

    /// `EXPLAIN` and `ANALYZE` may run the statement.
    fn show(&mut self) {
        use Keyword as K;
        if self.cursor.is(K::Show) {
            return self.show_server();
        }
        let explain = !self.cursor.is(K::Help);
        self.cursor.advance();
        if self.cursor.symbol(b'(') && !self.mysql() {
            while !self.cursor.at_end() && !self.cursor.accept_symbol(b')') {
                self.cursor.advance();
            }
        }
        let runs = [
            K::Select,
            K::With,
            K::Insert,
            K::Update,
            K::Delete,
            K::Replace,
            K::Values,
            K::Merge,
            K::Table,
        ];
        let hidden = [K::Execute, K::Create, K::Declare, K::Call, K::Refresh];
        while explain && !self.cursor.at_end() && !self.cursor.any_of(&runs) && !self.cursor.symbol(b'(') {
            if self.cursor.any_of(&hidden) {
                return self.draft.unparsed();
            }
            self.cursor.advance();
        }
        if explain && !self.cursor.at_end() {
            self.scan(Kind::Read);
        }
        self.done(Kind::Show);
    }

    fn show_server(&mut self) {
        use Keyword as K;
        self.cursor.advance();
        while !self.cursor.at_end() {
            match self.cursor.word {
                K::Warnings | K::Errors if self.mysql() => self.draft.asks(Previous::Warnings),
                K::Profile | K::Profiles | K::Status if self.mysql() => {
                    self.draft.asks(Previous::SessionStatus)
                }
                _ => {}
            }
            self.cursor.advance();
        }
        self.done(Kind::Show);
    }
}
