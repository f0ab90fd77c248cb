//! The MySQL side against a real MariaDB and its real client.

#[cfg(test)]
#[path = "mysql/place.rs"]
mod place;
#[cfg(test)]
#[path = "support/servers.rs"]
mod support;

use place::Place;

#[test]
fn statements_of_many_clients_share_one_connection() {
    let place = Place::start(1);
    // What is warm before any client fits clients without capabilities of their own.
    place.query("SELECT 1");
    let before = place.snapshot().counters.opened;
    for n in 0..5 {
        assert_eq!(place.query(&format!("SELECT {n}")), format!("{n}\n"));
    }
    assert_eq!(place.snapshot().counters.opened, before);
}

#[test]
fn settings_last_for_a_session_and_are_not_seen_by_the_next() {
    let place = Place::start(1);
    let sql = "SET SESSION sql_mode='ANSI'; SET time_zone='+03:00'; USE other; \
               SELECT @@sql_mode LIKE '%ANSI%', @@time_zone, DATABASE()";
    assert_eq!(place.query(sql), "1\t+03:00\tother\n");
    assert_eq!(
        place.query("SELECT @@sql_mode LIKE '%ANSI%', @@time_zone, DATABASE()"),
        "0\tSYSTEM\tapp\n"
    );
}

#[test]
fn pitfall_4_what_a_session_holds_is_gone_with_it() {
    let place = Place::start(1);
    let sql = "SET @a = 7; CREATE TEMPORARY TABLE t (n INT); INSERT INTO t VALUES (1); SELECT GET_LOCK('l', 1); SELECT @a, n FROM t";
    assert_eq!(place.query(sql), "1\n7\t1\n");
    assert_eq!(place.query("SELECT @a, IS_FREE_LOCK('l')"), "NULL\t1\n");
    assert!(place.fails("SELECT * FROM t").contains("1146"));
}

#[test]
fn what_a_client_asks_about_its_last_statement_is_as_on_one_connection() {
    let place = Place::start(2);
    let sql = "CREATE TABLE n (id INT AUTO_INCREMENT PRIMARY KEY, v INT); INSERT INTO n (v) VALUES (1), (2), (3); \
               SELECT LAST_INSERT_ID(); SELECT ROW_COUNT(); SELECT SQL_CALC_FOUND_ROWS v FROM n LIMIT 1; SELECT FOUND_ROWS()";
    assert_eq!(place.query(sql), "1\n-1\n1\n3\n");
    assert_eq!(
        place.query("INSERT INTO n (v) VALUES (4); SELECT ROW_COUNT(), LAST_INSERT_ID()"),
        "1\t4\n"
    );
    assert_eq!(
        place.query("SELECT 1/0; SHOW WARNINGS"),
        "NULL\nWarning\t1365\tDivision by 0\n"
    );
}

#[test]
fn pitfall_16_only_the_right_password_gets_in() {
    let place = Place::start(1);
    assert!(
        place
            .client("app", "wrong", "SELECT 1")
            .unwrap_err()
            .contains("1045")
    );
    assert!(
        place
            .client("nobody", "secret", "SELECT 1")
            .unwrap_err()
            .contains("1045")
    );
    assert!(place.client("app", "", "SELECT 1").unwrap_err().contains("1045"));
}

#[test]
fn pitfall_23_numbers_of_connections_are_the_clients_own() {
    let place = Place::start(1);
    let (one, two) = (
        place.query("SELECT CONNECTION_ID()"),
        place.query("SELECT CONNECTION_ID()"),
    );
    assert_ne!(one, two);
}

#[test]
fn large_rows_and_statements_pass() {
    let place = Place::start(1);
    assert_eq!(place.query("SELECT LENGTH(REPEAT('x', 5000000))"), "5000000\n");
    assert_eq!(place.query("SELECT REPEAT('x', 5000000)").len(), 5_000_001);
    let long = "y".repeat(100_000);
    assert_eq!(place.query(&format!("SELECT LENGTH('{long}')")), "100000\n");
}

#[test]
fn a_transaction_is_its_clients_own_and_rolled_back_when_it_goes() {
    let place = Place::start(1);
    place.query("CREATE TABLE r (n INT)");
    assert_eq!(
        place.query("BEGIN; INSERT INTO r VALUES (1); SELECT COUNT(*) FROM r"),
        "1\n"
    );
    assert_eq!(place.query("SELECT COUNT(*) FROM r"), "0\n");
    assert_eq!(
        place.query("BEGIN; INSERT INTO r VALUES (1); COMMIT; SELECT COUNT(*) FROM r"),
        "1\n"
    );
}

#[test]
fn errors_pass_and_leave_the_connection_usable() {
    let place = Place::start(1);
    assert!(place.fails("SELECT * FROM missing").contains("1146"));
    assert!(place.fails("SELEC 1").contains("1064"));
    assert!(place.fails("USE nowhere").contains("1049"));
    assert_eq!(place.query("SELECT 1"), "1\n");
}

#[test]
fn php_prepares_statements_and_asks_for_what_it_left() {
    let place = Place::start(2);
    let script = r#"
        mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
        $db = mysqli_init();
        $db->real_connect('127.0.0.1', 'app', 'secret', null, (int) $argv[1]);
        $db->set_charset('utf8mb4');
        $db->query("SET NAMES 'utf8mb4' COLLATE 'utf8mb4_unicode_520_ci'");
        $db->query("SET SESSION sql_mode='NO_ENGINE_SUBSTITUTION'");
        $db->select_db('app');
        $db->query('CREATE TABLE p (id INT AUTO_INCREMENT PRIMARY KEY, t TEXT) CHARSET utf8mb4');
        $put = $db->prepare('INSERT INTO p (t) VALUES (?)');
        foreach (['one', "\u{1F600}"] as $text) { $put->bind_param('s', $text); $put->execute(); }
        echo $db->insert_id, ' ';
        $get = $db->prepare('SELECT t FROM p WHERE id = ?');
        $id = 2; $get->bind_param('i', $id); $get->execute();
        echo bin2hex($get->get_result()->fetch_row()[0]), ' ';
        $put->close(); $get->close();
        $db->query("UPDATE p SET t = 'x'");
        echo $db->affected_rows, ' ', $db->info, ' ', $db->query('SELECT @@sql_mode')->fetch_row()[0], "\n";
    "#;
    assert_eq!(
        place.php(script),
        "2 f09f9880 2 Rows matched: 2  Changed: 2  Warnings: 0 NO_ENGINE_SUBSTITUTION\n"
    );
}

#[test]
fn wordpress_installs_publishes_and_reads_its_own_post_unmodified() {
    let place = Place::start(3);
    let settings = r#"
        define('DB_HOST', '127.0.0.1:' . $argv[1]); define('DB_USER', 'app'); define('DB_PASSWORD', 'secret');
        define('DB_NAME', 'app'); define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
        define('DISABLE_WP_CRON', true); define('WP_HTTP_BLOCK_EXTERNAL', true);
        define('ABSPATH', '/usr/share/wordpress/'); $table_prefix = 'wp_';
        foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $k) { define($k . '_KEY', $k); define($k . '_SALT', $k); }
        $_SERVER['HTTP_HOST'] = 'site.test'; $_SERVER['REQUEST_URI'] = '/'; $_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
    "#;
    let install = r"
        define('WP_INSTALLING', true); require ABSPATH . 'wp-settings.php';
        require ABSPATH . 'wp-admin/includes/upgrade.php'; add_filter('pre_wp_mail', '__return_true');
        wp_install('Site', 'admin', 'a@site.test', true, '', 'pass'); echo 'installed';
    ";
    let publish = r"
        require ABSPATH . 'wp-settings.php';
        $id = wp_insert_post(['post_title' => 'Hello', 'post_content' => 'World', 'post_status' => 'publish'], true);
        echo get_post($id)->post_title, ' ', is_wp_error(wp_authenticate('admin', 'pass')) ? 'denied' : 'in';
    ";
    let front = r"
        require ABSPATH . 'wp-settings.php';
        $q = new WP_Query(['posts_per_page' => 1]); echo $q->found_posts, ' ', $q->posts[0]->post_title;
    ";
    let run = |script: &str| place.php(&format!("{settings}{script}"));
    assert!(run(install).ends_with("installed"));
    assert_eq!(run(publish), "Hello in");
    assert_eq!(run(front), "2 Hello");
}
