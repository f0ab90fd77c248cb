use proptest::prelude::*;

use super::*;
use crate::mysql::profile::Setting;

fn pin(sql: &str) -> Option<Pin> {
    judge(sql.as_bytes(), true).pin
}

proptest! {
    #[test]
    fn any_bytes_get_a_verdict(sql: Vec<u8>, backslash: bool) {
        let _ = judge(&sql, backslash);
    }

    #[test]
    fn any_words_get_a_verdict(sql in "(SELECT|SET|KILL|USE|@a|@@x|\\(|\\)|;|'|,|=| |FOUND_ROWS|NAMES|AS|GLOBAL){0,12}") {
        let _ = judge(sql.as_bytes(), true);
    }
}

#[test]
fn what_wordpress_sends_shares_connections() {
    for sql in [
        "SELECT option_name, option_value FROM wp_options WHERE autoload = 'yes'",
        "SELECT SQL_CALC_FOUND_ROWS wp_posts.ID FROM wp_posts WHERE 1=1 ORDER BY wp_posts.post_date DESC LIMIT 0, 10",
        "INSERT INTO `wp_options` (`option_name`) VALUES ('a@b.example') ON DUPLICATE KEY UPDATE `option_name` = VALUES(`option_name`)",
        "UPDATE `wp_posts` SET `post_title` = 'it\\'s; SET @a = 1' WHERE `ID` = 7",
        "DELETE a, b FROM wp_options a, wp_options b WHERE a.option_name LIKE '\\_transient\\_%'",
        "SHOW FULL COLUMNS FROM `wp_posts`",
        "SELECT @@SESSION.sql_mode",
        "START TRANSACTION",
        "CREATE TABLE temporary_things (id int)",
        "(SELECT 1) UNION (SELECT 2)",
    ] {
        assert_eq!(pin(sql), None, "{sql}");
    }
}

#[test]
fn state_that_servers_do_not_report_pins() {
    for (sql, expected) in [
        ("SELECT @b := 2", Pin::UserVariable),
        ("SELECT id INTO @x FROM t", Pin::UserVariable),
        ("SELECT GET_LOCK('a', 1)", Pin::NamedLock),
        ("select get_lock ('a', 1)", Pin::NamedLock),
        ("SELECT `get_lock`('a', 1)", Pin::NamedLock),
        ("SELECT 1 /*!50000 + get_lock('a', 1) */", Pin::NamedLock),
        ("HANDLER t OPEN", Pin::Handler),
        ("FLUSH TABLES WITH READ LOCK", Pin::TableLock),
        ("FLUSH TABLES t FOR EXPORT", Pin::TableLock),
        ("LOCK TABLES t WRITE", Pin::TableLock),
        ("PREPARE s FROM 'select 1'", Pin::TextPrepare),
        ("EXECUTE IMMEDIATE 'select 1'", Pin::Routine),
        ("CALL p()", Pin::Routine),
        ("XA START 'a'", Pin::Xa),
        ("SET TRANSACTION READ ONLY", Pin::NextTransaction),
        ("SET @a = 1", Pin::UserVariable),
        ("SET insert_id = 5", Pin::SetOther),
        ("SET sql_log_bin = 0", Pin::SetOther),
        ("CREATE TEMPORARY TABLE t (a int)", Pin::TemporaryTable),
        ("create or replace temporary table t (a int)", Pin::TemporaryTable),
        ("LOAD DATA INFILE 'x' INTO TABLE t", Pin::LoadData),
        ("SELECT NEXTVAL(s)", Pin::Sequence),
        ("SELECT NEXT VALUE FOR s", Pin::Sequence),
        ("BEGIN NOT ATOMIC SET @a = 1; END", Pin::UserVariable),
        ("FROBNICATE", Pin::Unknown),
        ("SELECT 'unfinished", Pin::Unknown),
    ] {
        assert_eq!(pin(sql), Some(expected), "{sql}");
    }
}

#[test]
fn words_within_strings_comments_and_names_mean_nothing() {
    for sql in [
        "SELECT 'GET_LOCK(1)'",
        "SELECT 1 -- @a := GET_LOCK('a', 1)",
        "SELECT 1 /* GET_LOCK('a', 1) */",
        "SELECT get_lock FROM t",
        "SELECT \"@a\"",
    ] {
        assert_eq!(pin(sql), None, "{sql}");
    }
}

#[test]
fn several_statements_are_judged_each() {
    assert_eq!(pin("SELECT 1; SELECT GET_LOCK('a', 1)"), Some(Pin::NamedLock));
    assert_eq!(pin("SELECT 1; SET NAMES utf8"), Some(Pin::Several));
    assert_eq!(pin("SELECT 1; SELECT 2;"), None);
    assert_eq!(judge(b"SELECT 1;", true).kind, Kind::Read);
}

#[test]
fn questions_about_earlier_statements_are_seen() {
    let kind = |sql: &str| judge(sql.as_bytes(), true).kind;
    let ask = |asked, name: &str| Kind::Ask(asked, name.to_owned());
    assert_eq!(kind("SELECT FOUND_ROWS()"), ask(Asked::FoundRows, "FOUND_ROWS()"));
    assert_eq!(
        kind("select found_rows() as total"),
        ask(Asked::FoundRows, "total")
    );
    assert_eq!(
        kind("SELECT LAST_INSERT_ID();"),
        ask(Asked::LastInsertId, "LAST_INSERT_ID()")
    );
    assert_eq!(kind("SELECT ROW_COUNT() `n`"), ask(Asked::RowCount, "n"));
    assert_eq!(
        kind("SELECT CONNECTION_ID()"),
        ask(Asked::ConnectionId, "CONNECTION_ID()")
    );
    assert_eq!(kind("SELECT LAST_INSERT_ID(5)"), Kind::Read);
    assert_eq!(kind("SELECT FOUND_ROWS() + 1"), Kind::Read);
    assert!(
        judge(b"INSERT INTO t VALUES (LAST_INSERT_ID())", true)
            .asks
            .insert_id
    );
    assert!(judge(b"SELECT FOUND_ROWS() + 1", true).asks.found_rows);
    assert!(judge(b"SHOW WARNINGS", true).asks.diagnostics);
    assert!(judge(b"SHOW COUNT(*) ERRORS", true).asks.diagnostics);
    assert!(judge(b"SELECT @@warning_count", true).asks.diagnostics);
    assert!(judge(b"SELECT SQL_CALC_FOUND_ROWS a FROM t", true).calc_found_rows);
}

#[test]
fn use_kill_and_set_are_understood() {
    let kind = |sql: &str| judge(sql.as_bytes(), true).kind;
    assert_eq!(kind("USE `wp`"), Kind::Use("wp".into()));
    assert_eq!(kind("use wp;"), Kind::Use("wp".into()));
    assert_eq!(kind("KILL 12"), Kind::Kill { id: 12, query: false });
    assert_eq!(kind("KILL SOFT QUERY 12"), Kind::Kill { id: 12, query: true });
    assert_eq!(pin("KILL USER wp"), Some(Pin::Unknown));
    assert_eq!(
        kind("/* a */ SET NAMES utf8"),
        Kind::Set(vec![(Setting::Names, "utf8".into())])
    );
}
