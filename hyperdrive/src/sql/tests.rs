//! The classifier's rules.

use proptest::prelude::*;

use super::*;

fn mysql(text: &str) -> Statement<'_> {
    let options: &'static Options = Box::leak(Box::new(Options {
        server: Server::MariaDb(101_106),
        ..Options::default()
    }));
    let script = classify(Dialect::MySql, text.as_bytes(), options);
    assert_eq!(script.statements.len(), 1, "{text}: {script:?}");
    script.statements[0].clone()
}

fn postgres(text: &str) -> Statement<'_> {
    let script = classify(
        Dialect::Postgres,
        text.as_bytes(),
        Box::leak(Box::new(Options::default())),
    );
    assert_eq!(script.statements.len(), 1, "{text}: {script:?}");
    script.statements[0].clone()
}

fn names(names: &[TableName<'_>]) -> String {
    let name = |name: &TableName<'_>| match &name.qualifier {
        Some(qualifier) => format!("{qualifier}.{}", name.name),
        None => name.name.to_string(),
    };
    names.iter().map(name).collect::<Vec<_>>().join(" ")
}

fn reads(statement: &Statement<'_>) -> String {
    match statement.cache {
        Cache::Cacheable => names(&statement.reads),
        Cache::Refused(why) => format!("{why:?}"),
    }
}

fn writes(statement: &Statement<'_>) -> String {
    match &statement.writes {
        Writes::None => String::from("-"),
        Writes::Tables(tables) => names(tables),
        Writes::Functions(tables) => format!("functions {}", names(tables)),
        Writes::Everything => String::from("*"),
    }
}

#[test]
fn reads_name_every_table() {
    for (text, expected) in [
        (
            "SELECT option_name, option_value FROM wp_options WHERE autoload IN ('yes', 'on')",
            "wp_options",
        ),
        (
            "SELECT   wp_posts.ID\n\t\tFROM wp_posts  WHERE 1=1 ORDER BY wp_posts.post_date DESC LIMIT 0, 10",
            "wp_posts",
        ),
        (
            "SELECT DISTINCT t.*, tt.* FROM wp_terms AS t  INNER JOIN wp_term_taxonomy AS tt ON t.term_id = tt.term_id INNER JOIN wp_term_relationships AS tr ON tr.term_taxonomy_id = tt.term_taxonomy_id WHERE tt.taxonomy IN ('category') AND tr.object_id IN (1)",
            "wp_terms wp_term_taxonomy wp_term_relationships",
        ),
        ("SELECT a.x FROM a, b c, `d` AS e, f.g", "a b d f.g"),
        (
            "SELECT x FROM a WHERE y IN (SELECT z FROM b) UNION ALL (SELECT w FROM c)",
            "a b c",
        ),
        ("SELECT x FROM (SELECT y FROM a, b) q, c", "a b c"),
        ("SELECT x FROM (a JOIN b ON a.i = b.i), c", "a b c"),
        (
            "SELECT x FROM ((a LEFT JOIN b USING (i)) CROSS JOIN c) JOIN d",
            "a b c d",
        ),
        ("SELECT EXTRACT(YEAR FROM d), TRIM(BOTH 'x' FROM s) FROM t", "t"),
        (
            "SELECT (SELECT MAX(x) FROM b) m, c FROM a USE INDEX (i, j), d",
            "b a d",
        ),
        (
            "SELECT COUNT(*), GROUP_CONCAT(x ORDER BY y SEPARATOR ',') FROM a GROUP BY z WITH ROLLUP",
            "a",
        ),
        ("WITH q AS (SELECT x FROM a) SELECT x FROM q JOIN b", "a b"),
        ("WITH t AS (SELECT x FROM t) SELECT x FROM t", "t"),
        (
            "WITH RECURSIVE q (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM q), r AS (SELECT x FROM a) SELECT n FROM q, r",
            "a",
        ),
        (
            "SELECT x FROM (WITH q AS (SELECT x FROM a) SELECT x FROM q) s JOIN q",
            "a q",
        ),
        (
            "SELECT x FROM a WHERE 'now()' = \"RAND()\" /* NOW() */ -- RAND()",
            "a",
        ),
        ("SELECT STRAIGHT_JOIN x FROM a STRAIGHT_JOIN b", "a b"),
        (
            "SELECT SQL_CALC_FOUND_ROWS ID FROM wp_posts LIMIT 0, 10",
            "wp_posts",
        ),
        ("TABLE a", "a"),
        ("/*!40001 SELECT x */ FROM a", "a"),
        ("SELECT x FROM a/*!40000 , b */", "a b"),
        ("SELECT x FROM a /*!99999 , b */", "a"),
        ("SELECT `from`, a.`join` FROM a", "a"),
        ("SELECT 1.from t", "t"),
        ("SELECT x FROM 2020_log", "2020_log"),
        ("SELECT DATE_FORMAT(d, '%Y') AS now, IF(a, b, c) FROM t", "t"),
        ("SELECT x FROM dual, t", "t"),
    ] {
        let statement = mysql(text);
        assert_eq!(reads(&statement), expected, "{text}");
        assert_eq!(writes(&statement), "-", "{text}");
    }
}

#[test]
fn postgres_reads_name_every_table() {
    for (text, expected) in [
        (
            "SELECT abalance FROM pgbench_accounts WHERE aid = $1",
            "pgbench_accounts",
        ),
        (
            "SELECT x::int, y::varchar(10) FROM Public.Foo f, \"Bar\" b",
            "public.foo Bar",
        ),
        (
            "SELECT x FROM ONLY a, LATERAL (SELECT y FROM b WHERE b.i = a.i) q",
            "a b",
        ),
        ("SELECT x FROM a WHERE x IS DISTINCT FROM y", "a"),
        (
            "SELECT $$ FROM z $$, $q$;$q$, E'\\' FROM y', U&'\\0041' FROM a",
            "a",
        ),
        ("SELECT x FROM a /* /* */ , z */ , b", "a b"),
        (
            "SELECT x FROM a JOIN generate_series(1, 3) g(i) ON true, b",
            "a b",
        ),
        (
            "SELECT count(*) FILTER (WHERE x), row_number() OVER (PARTITION BY y ORDER BY z) FROM a",
            "a",
        ),
        ("SELECT x FROM a UNION SELECT y FROM b EXCEPT TABLE c", "a b c"),
        ("WITH q AS MATERIALIZED (SELECT 1 FROM a) (SELECT x FROM q)", "a"),
        ("SELECT 1from a", "a"),
        ("SELECT E'a'\n'b\\' FROM z' FROM a", "a"),
        ("SELECT j->>'k', a ? 'b' FROM t WHERE j @> '{}'", "t"),
        (
            "SELECT CAST(x AS numeric(10,2)) FROM t GROUP BY GROUPING SETS ((x), ())",
            "t",
        ),
        ("VALUES (1), ((SELECT x FROM a))", "a"),
    ] {
        let statement = postgres(text);
        assert_eq!(reads(&statement), expected, "{text}");
        assert_eq!(writes(&statement), "-", "{text}");
    }
}

#[test]
fn what_is_never_kept_says_why() {
    use Refusal as R;
    for (text, expected) in [
        ("SELECT NOW() FROM a", R::Volatile),
        ("SELECT now () FROM a", R::UnknownFunction),
        ("SELECT CURRENT_DATE FROM a", R::Volatile),
        ("SELECT /*!NOW()*/ FROM a", R::Volatile),
        ("SELECT /*!NOW*/() FROM a", R::UnknownFunction),
        ("SELECT x FROM a ORDER BY RAND()", R::Volatile),
        ("SELECT USER(), x FROM a", R::Volatile),
        ("SELECT my_function(x) FROM a", R::UnknownFunction),
        ("SELECT db.concat(x) FROM a", R::UnknownFunction),
        ("SELECT `concat`(x) FROM a", R::UnknownFunction),
        ("SELECT x FROM a FOR UPDATE", R::Locking),
        ("SELECT x FROM a LOCK IN SHARE MODE", R::Locking),
        ("SELECT x FROM a INTO @x", R::Into),
        ("SELECT x INTO OUTFILE '/tmp/x' FROM a", R::Into),
        ("SELECT @x FROM a", R::Variable),
        ("SELECT @@sql_mode", R::Variable),
        ("SELECT x FROM information_schema.tables", R::SystemCatalog),
        ("SELECT x FROM `MySQL`.user", R::SystemCatalog),
        ("SELECT SQL_NO_CACHE x FROM a", R::NoCache),
        ("SELECT x FROM a /* popgate:no-cache */", R::Hint),
        ("SELECT 1", R::NoTables),
        ("SELECT FOUND_ROWS()", R::Previous),
        ("SELECT x FROM a WHERE i = LAST_INSERT_ID()", R::Previous),
        (
            "SELECT x FROM a FOR SYSTEM_TIME AS OF '2020-01-01'",
            R::Unrepeatable,
        ),
        ("SELECT x FROM größe", R::Name),
        ("SELECT x FROM a PROCEDURE ANALYSE()", R::Unrepeatable),
        ("SELECT x FROM {OJ a LEFT JOIN b ON 1}", R::Unparsed),
        ("SELECT 1.e(x) FROM a", R::Unparsed),
        (
            "SELECT x FROM a /*!50701 , b */, c /*!80000 , d */",
            R::AmbiguousComment,
        ),
        ("INSERT INTO a VALUES (1)", R::NotARead),
        ("SHOW TABLES", R::NotARead),
        ("SELECT 'open FROM a", R::Unparsed),
    ] {
        assert_eq!(mysql(text).cache, Cache::Refused(expected), "{text}");
    }
    for (text, expected) in [
        ("SELECT x FROM a WHERE d < 'now'", R::SpecialDate),
        ("SELECT x FROM a WHERE d < DATE 'today'", R::SpecialDate),
        ("SELECT current_user, x FROM a", R::Volatile),
        ("SELECT x FROM a TABLESAMPLE bernoulli(10)", R::Unrepeatable),
        ("SELECT nextval('s'), x FROM a", R::Unrepeatable),
        ("SELECT lastval()", R::Previous),
        ("SELECT x INTO b FROM a", R::Into),
        ("SELECT x FROM pg_class", R::SystemCatalog),
        ("SELECT x FROM pg_catalog.pg_class", R::SystemCatalog),
        ("SELECT x FROM a FOR NO KEY UPDATE", R::Locking),
        ("SELECT key(x) FROM a", R::UnknownFunction),
        (
            "WITH q AS (DELETE FROM a RETURNING x) SELECT x FROM q",
            R::NotARead,
        ),
    ] {
        assert_eq!(postgres(text).cache, Cache::Refused(expected), "{text}");
    }
}

#[test]
fn writes_name_what_they_change() {
    for (text, expected) in [
        (
            "INSERT INTO `wp_options` (`option_name`, `option_value`) VALUES ('a;b', 'c') ON DUPLICATE KEY UPDATE `option_name` = VALUES(`option_name`)",
            "wp_options",
        ),
        ("INSERT IGNORE t VALUES (1), (2)", "t"),
        ("INSERT INTO t SELECT * FROM b WHERE NOW() > x", "t"),
        ("REPLACE INTO d.t SET a = 1", "d.t"),
        (
            "UPDATE wp_posts SET post_title = 'x' WHERE ID IN (SELECT x FROM b)",
            "wp_posts",
        ),
        ("UPDATE a JOIN b ON a.i = b.i SET a.x = 1", "a b"),
        ("DELETE FROM a WHERE x = 1", "a"),
        (
            "DELETE a, b FROM wp_options a, wp_options b WHERE a.option_name LIKE '\\_transient\\_%'",
            "wp_options",
        ),
        ("DELETE FROM a USING t1 AS a JOIN t2", "a t1 t2"),
        ("DELETE FROM a USING (t1 AS a JOIN t2)", "*"),
        ("TRUNCATE TABLE a", "a"),
        ("INSERT INTO t VALUES (my_function(1))", "functions t"),
        ("SELECT my_function(1)", "functions "),
        ("CREATE TABLE t (a INT)", "*"),
        ("DROP DATABASE x", "*"),
        ("CREATE TEMPORARY TABLE t (a INT, b VARCHAR(10))", "functions "),
        ("CALL p()", "*"),
        ("LOAD DATA INFILE 'x' INTO TABLE t FIELDS TERMINATED BY ','", "t"),
        ("EXPLAIN DELETE FROM a", "a"),
        ("ANALYZE UPDATE a SET x = 1", "a"),
        ("DO SLEEP(1)", "-"),
        ("whatever this is", "*"),
        ("", "-"),
    ] {
        if text.is_empty() {
            assert!(
                classify(Dialect::MySql, b" /* x */ ; ", &Options::default())
                    .statements
                    .is_empty()
            );
            continue;
        }
        assert_eq!(writes(&mysql(text)), expected, "{text}");
    }
    for (text, expected) in [
        (
            "INSERT INTO t AS x (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = excluded.a RETURNING a",
            "t",
        ),
        ("UPDATE ONLY t SET (a, b) = (1, 2) FROM b WHERE t.i = b.i", "t"),
        ("DELETE FROM t USING b WHERE t.i = b.i RETURNING t.x, b.y", "t b"),
        (
            "MERGE INTO t USING b ON t.i = b.i WHEN MATCHED THEN UPDATE SET x = 1 WHEN NOT MATCHED THEN INSERT VALUES (1)",
            "t",
        ),
        (
            "WITH q AS (INSERT INTO a VALUES (1) RETURNING x), r AS (UPDATE b SET x = 2) DELETE FROM c WHERE x IN (SELECT x FROM q)",
            "a b c",
        ),
        ("COPY t (a, b) FROM STDIN", "t"),
        ("COPY (SELECT x FROM t) TO STDOUT", "-"),
        ("SELECT x INTO b FROM a", "*"),
        ("DO $$ BEGIN DELETE FROM x; END $$", "*"),
        ("TRUNCATE a, b CASCADE", "*"),
    ] {
        assert_eq!(writes(&postgres(text)), expected, "{text}");
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
