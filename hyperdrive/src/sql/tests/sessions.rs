//! What statements do to a session, and what the lexer makes of odd ones.

use proptest::prelude::*;

use super::*;

#[test]
fn a_set_without_a_value_is_no_reason_to_panic() {
    for text in [
        "SET a = ,",
        "SET a = ;",
        "SET a =",
        "SET BEGIN = , b",
        "SET @x = ,",
        "SET @@y =   ,",
    ] {
        for dialect in [Dialect::MySql, Dialect::Postgres] {
            let _ = classify(dialect, text.as_bytes(), &Options::default());
        }
    }
}

#[test]
fn pins_name_their_reason() {
    for (text, expected) in [
        ("SELECT x FROM a", None),
        ("SELECT GET_LOCK('a', 1)", Some(Pin::NamedLock)),
        ("SELECT @b := 2", Some(Pin::UserVariable)),
        ("SET @b = 2", Some(Pin::UserVariable)),
        ("SELECT x FROM a INTO @b", Some(Pin::UserVariable)),
        ("LOCK TABLES a READ", Some(Pin::LockTables)),
        ("FLUSH TABLES WITH READ LOCK", Some(Pin::FlushReadLock)),
        ("HANDLER a OPEN", Some(Pin::Handler)),
        ("PREPARE s FROM 'SELECT 1'", Some(Pin::PreparedText)),
        ("CREATE TEMPORARY TABLE t (a INT)", Some(Pin::TemporaryTable)),
        (
            "CREATE OR REPLACE TEMPORARY TABLE t (a INT)",
            Some(Pin::TemporaryTable),
        ),
        ("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", Some(Pin::LoadLocal)),
        ("XA START 'x'", Some(Pin::TwoPhase)),
        ("CALL p()", Some(Pin::StoredProgram)),
        ("SET insert_id = 5", Some(Pin::Variable)),
        ("SET sql_log_bin = 0", Some(Pin::Variable)),
        ("SET SESSION sql_mode = 'A,B'", None),
        (
            "SET sql_mode = (SELECT REPLACE(@@sql_mode, 'X', ''))",
            Some(Pin::Variable),
        ),
        (
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            Some(Pin::NextTransaction),
        ),
        ("SET NAMES 'utf8mb4' COLLATE 'utf8mb4_unicode_520_ci'", None),
        ("SET NAMES utf8mb4", None),
        ("USE wp", None),
        ("SET ROLE x", Some(Pin::Role)),
        ("something odd", Some(Pin::Unknown)),
        ("SELECT f(1)", Some(Pin::UnknownFunction)),
        ("BEGIN NOT ATOMIC SELECT 1; END", Some(Pin::Unknown)),
    ] {
        let script = classify(Dialect::MySql, text.as_bytes(), &Options::default());
        assert_eq!(script.pin(), expected, "{text}");
    }
    for (text, expected) in [
        ("LISTEN x", Some(Pin::Listen)),
        ("SELECT pg_advisory_lock(1)", Some(Pin::AdvisoryLock)),
        ("SELECT pg_advisory_xact_lock(1)", None),
        ("SELECT set_config('a.b', 'c', false)", Some(Pin::SetConfig)),
        ("SELECT set_config('a.b', 'c', true)", None),
        ("CREATE TEMP TABLE t (a int)", Some(Pin::TemporaryTable)),
        ("SELECT 1 INTO TEMP t", Some(Pin::TemporaryTable)),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", Some(Pin::HoldCursor)),
        ("DECLARE c CURSOR FOR SELECT 1", None),
        ("PREPARE s AS SELECT 1", Some(Pin::PreparedText)),
        ("PREPARE TRANSACTION 'x'", Some(Pin::TwoPhase)),
        ("COMMIT PREPARED 'x'", Some(Pin::TwoPhase)),
        ("LOAD 'x'", Some(Pin::Library)),
        ("SET app.user = '1'", Some(Pin::Variable)),
        ("SET LOCAL app.user = '1'", None),
        ("SET search_path TO a, public", None),
        ("SET TIME ZONE 'UTC'", None),
        ("SET SESSION AUTHORIZATION x", Some(Pin::Role)),
        ("DISCARD ALL", None),
    ] {
        assert_eq!(postgres(text).pin, expected, "{text}");
    }
}

#[test]
fn transactions_are_told() {
    use Transaction as T;
    for (text, expected) in [
        ("BEGIN", T::Begin { read_only: false }),
        ("START TRANSACTION READ ONLY", T::Begin { read_only: true }),
        (
            "START TRANSACTION WITH CONSISTENT SNAPSHOT",
            T::Begin { read_only: false },
        ),
        (
            "COMMIT",
            T::Commit {
                chain: false,
                release: false,
            },
        ),
        (
            "COMMIT WORK AND CHAIN NO RELEASE",
            T::Commit {
                chain: true,
                release: false,
            },
        ),
        (
            "ROLLBACK RELEASE",
            T::Rollback {
                chain: false,
                release: true,
            },
        ),
        ("SAVEPOINT a", T::Savepoint("a".into())),
        ("ROLLBACK TO SAVEPOINT a", T::RollbackTo("a".into())),
        ("RELEASE SAVEPOINT a", T::ReleaseSavepoint("a".into())),
        ("ALTER TABLE a ADD b INT", T::ImplicitCommit),
    ] {
        assert_eq!(mysql(text).transaction, Some(expected), "{text}");
    }
    assert_eq!(mysql("CREATE TEMPORARY TABLE t (a INT)").transaction, None);
    assert_eq!(
        mysql("SET autocommit = 0").effects,
        vec![Effect::Autocommit(Some(false))]
    );
    assert_eq!(
        mysql("SET @@session.autocommit = OFF").effects,
        vec![Effect::Autocommit(Some(false))]
    );
}

#[test]
fn session_effects_carry_their_values() {
    let effects = mysql("SET SESSION sql_mode='A,B', time_zone = '+00:00', @@global.x = -1").effects;
    assert_eq!(
        effects[0],
        Effect::Set {
            scope: Scope::Session,
            name: "sql_mode".into(),
            value: Value::Text("A,B".into())
        }
    );
    assert_eq!(
        effects[1],
        Effect::Set {
            scope: Scope::Session,
            name: "time_zone".into(),
            value: Value::Text("+00:00".into())
        }
    );
    assert_eq!(
        effects[2],
        Effect::Set {
            scope: Scope::Global,
            name: "x".into(),
            value: Value::Number("-1".into())
        }
    );
    assert_eq!(
        mysql("SET NAMES 'UTF8MB4' COLLATE utf8mb4_bin").effects,
        vec![Effect::Names {
            charset: Some("utf8mb4".into()),
            collation: Some("utf8mb4_bin".into()),
        }]
    );
    assert_eq!(
        mysql("SET CHARACTER SET utf8").effects,
        vec![Effect::CharacterSet(Some("utf8".into()))]
    );
    let effects = postgres("SET search_path TO \"A\", public").effects;
    assert_eq!(
        effects,
        vec![Effect::Set {
            scope: Scope::Session,
            name: "search_path".into(),
            value: Value::List(vec![Value::Word("A".into()), Value::Word("public".into())]),
        }]
    );
}

#[test]
fn questions_are_answered_only_when_alone() {
    let asked = |text: &str| {
        mysql(text)
            .questions
            .iter()
            .map(|q| format!("{:?} as {}", q.asked, q.label))
            .collect::<Vec<_>>()
            .join("; ")
    };
    assert_eq!(asked("SELECT FOUND_ROWS()"), "FoundRows as FOUND_ROWS()");
    assert_eq!(
        asked("SELECT LAST_INSERT_ID() AS id, 1 one"),
        "LastInsertId as id; Number(1) as one"
    );
    assert_eq!(
        asked("SELECT @@SESSION.sql_mode"),
        "Variable { scope: Some(Session), name: \"sql_mode\" } as @@SESSION.sql_mode"
    );
    assert_eq!(
        asked("select @@version_comment limit 1"),
        "Variable { scope: None, name: \"version_comment\" } as @@version_comment"
    );
    assert_eq!(asked("SELECT FOUND_ROWS() + 1"), "");
    assert_eq!(asked("SELECT FOUND_ROWS() FROM a"), "");
}

#[test]
fn several_statements_are_told_apart() {
    let script = classify(
        Dialect::MySql,
        b"SELECT 'a;b'; SET NAMES utf8;; DELETE FROM a -- ;\n",
        &Options::default(),
    );
    let kinds: Vec<Kind> = script.statements.iter().map(|statement| statement.kind).collect();
    assert_eq!(kinds, vec![Kind::Read, Kind::Session, Kind::Write]);
    let script = classify(
        Dialect::MySql,
        b"SELECT x FROM a; SELECT x FROM b",
        &Options::default(),
    );
    assert_eq!(
        script.statements[0].cache,
        Cache::Refused(Refusal::SeveralStatements)
    );
}

#[test]
fn sql_mode_and_character_set_decide_what_is_a_string() {
    let with = |options: Options, text: &'static [u8]| {
        let options: &'static Options = Box::leak(Box::new(options));
        classify(Dialect::MySql, text, options)
            .statements
            .iter()
            .map(reads)
            .collect::<Vec<_>>()
            .join("|")
    };
    assert_eq!(
        with(
            Options {
                ansi_quotes: true,
                ..Options::default()
            },
            b"SELECT x FROM \"t\""
        ),
        "t"
    );
    assert_eq!(with(Options::default(), b"SELECT x FROM \"t\""), "Unparsed");
    let backslash = b"SELECT 'a\\' FROM b, c' FROM d";
    assert_eq!(with(Options::default(), backslash), "d");
    assert_eq!(
        with(
            Options {
                no_backslash_escapes: true,
                ..Options::default()
            },
            backslash
        ),
        "Unparsed"
    );
    assert_eq!(
        with(
            Options {
                ascii_safe: false,
                ..Options::default()
            },
            b"SELECT '\xbf' FROM a"
        ),
        "Encoding"
    );
    assert_eq!(
        with(
            Options {
                text_max: 5,
                ..Options::default()
            },
            b"SELECT x FROM a"
        ),
        "TooLong"
    );
}

#[test]
fn digests_show_no_literal() {
    let digest = |text: &str| digest(Dialect::MySql, text.as_bytes(), &Options::default(), 1000);
    assert_eq!(
        digest("SELECT  x FROM t WHERE a = 'secret' AND b IN (1, 2,3) /* c */"),
        "SELECT x FROM t WHERE a = ? AND b IN (?, …)"
    );
    assert_eq!(
        digest("CREATE USER u IDENTIFIED BY \"secret\""),
        "CREATE USER u IDENTIFIED BY ?"
    );
    assert_eq!(digest("SELECT 'secret"), "SELECT…");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_classified(text in proptest::collection::vec(any::<u8>(), 0..200), postgres: bool) {
        let dialect = if postgres { Dialect::Postgres } else { Dialect::MySql };
        let script = classify(dialect, &text, &Options::default());
        for statement in &script.statements {
            prop_assert!(statement.span.start <= statement.span.end && statement.span.end <= text.len());
        }
        let _ = digest(dialect, &text, &Options::default(), 100);
    }

    #[test]
    fn any_words_are_classified(words in proptest::collection::vec(prop_oneof![
        Just("SELECT"), Just("FROM"), Just("("), Just(")"), Just(","), Just("a"), Just("WITH"), Just("AS"), Just("."),
        Just("JOIN"), Just("SET"), Just("="), Just("@x"), Just("@@y"), Just("'z'"), Just(";"), Just("UPDATE"), Just("DELETE"),
        Just("/*!"), Just("*/"), Just("f("), Just("::"), Just("INTO"), Just("FOR"), Just("1"), Just("-- "), Just("\n"),
        Just("BEGIN"), Just("TABLE"), Just("USING"), Just("VALUES"), Just("`b`"), Just("\"c\""), Just("$$"), Just("RESET"),
    ], 0..40), postgres: bool) {
        let text = words.join(" ");
        let dialect = if postgres { Dialect::Postgres } else { Dialect::MySql };
        let script = classify(dialect, text.as_bytes(), &Options::default());
        for statement in &script.statements {
            // what is kept reads tables and does nothing else
            if statement.cache == Cache::Cacheable {
                prop_assert!(statement.pin.is_none() && statement.writes == Writes::None && !statement.reads.is_empty());
            }
        }
    }
}
