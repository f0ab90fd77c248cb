//! The classifier's rules.
mod sessions;

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
