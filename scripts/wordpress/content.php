<?php
// Installs WordPress and writes the content that the demo and the tests look at.
//   php content.php DOCROOT POSTS
//
// Posts post-1 … post-N in five categories with tags, comments and images; pages cart, checkout, my-account,
// shop, about, contact; secret-post (password opensesame, body TOP-SECRET-BODY); a draft; a private post;
// long-post with two pages; photo-1.jpg … photo-3.jpg in uploads.
[, $root, $count] = $argv;
$_SERVER += ['HTTP_HOST' => '', 'REQUEST_URI' => '/', 'SERVER_PROTOCOL' => 'HTTP/1.1', 'REQUEST_METHOD' => 'GET'];
define('WP_INSTALLING', true);
function wp_mail() { return true; }
require "$root/wp-load.php";
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
require_once ABSPATH . 'wp-admin/includes/image.php';

wp_install('Popgate test site', 'admin', 'admin@example.invalid', true, '', 'admin');
$wp_rewrite->init();
$wp_rewrite->set_permalink_structure('/%postname%/');
foreach (['timezone_string' => 'UTC', 'comment_moderation' => 0, 'comment_previously_approved' => 0,
          'moderation_notify' => 0, 'comments_notify' => 0, 'comment_whitelist' => 0] as $name => $value) {
    update_option($name, $value);
}
$themes = array_keys(wp_get_themes());
sort($themes);
switch_theme(in_array('twentytwentyone', $themes) ? 'twentytwentyone' : $themes[0]);
foreach (['editor1' => 'editor', 'author1' => 'author', 'sub1' => 'subscriber'] as $user => $role) {
    wp_insert_user(['user_login' => $user, 'user_pass' => $user, 'user_email' => "$user@example.invalid", 'role' => $role]);
}
$categories = array_map(fn ($name) => wp_insert_term($name, 'category')['term_id'], ['News', 'Tech', 'Travel', 'Food', 'Sport']);

wp_suspend_cache_invalidation(true);
wp_defer_term_counting(true);
wp_defer_comment_counting(true);
mt_srand(42);
$words = explode(' ', 'the gate keeps a copy of every page that anybody may read and asks again when it grows old '
    . 'a reader near the sea gets it as fast as one beside the machine that wrote it');
$text = function (int $length) use ($words): string {
    $out = [];
    for ($i = 0; $i < $length; $i++) $out[] = $words[mt_rand(0, count($words) - 1)];
    return ucfirst(implode(' ', $out)) . '.';
};
$write = fn (array $post) => wp_insert_post($post + ['post_status' => 'publish', 'post_author' => 1]);

$uploads = wp_upload_dir();
$images = [];
for ($i = 1; $i <= 3; $i++) {
    $image = imagecreatetruecolor(1200, 800);
    for ($k = 0; $k < 200; $k++) {
        imagefilledellipse($image, mt_rand(0, 1200), mt_rand(0, 800), mt_rand(10, 200), mt_rand(10, 200),
            imagecolorallocate($image, mt_rand(0, 255), mt_rand(0, 255), mt_rand(0, 255)));
    }
    $file = "{$uploads['path']}/photo-$i.jpg";
    imagejpeg($image, $file, 82);
    $id = wp_insert_attachment(['post_mime_type' => 'image/jpeg', 'post_title' => "Photo $i", 'post_status' => 'inherit'], $file);
    wp_update_attachment_metadata($id, wp_generate_attachment_metadata($id, $file));
    $images[] = $id;
}

$start = time() - 400 * 86400;
for ($i = 1; $i <= $count; $i++) {
    $paragraphs = '';
    for ($p = mt_rand(4, 10); $p > 0; $p--) {
        $paragraphs .= "<!-- wp:paragraph --><p>{$text(mt_rand(40, 120))}</p><!-- /wp:paragraph -->\n\n";
    }
    $date = gmdate('Y-m-d H:i:s', $start + intdiv($i * 399 * 86400, (int) $count));
    $id = $write(['post_title' => "Post number $i", 'post_name' => "post-$i", 'post_content' => $paragraphs,
        'post_author' => 1 + $i % 3, 'post_date' => $date, 'post_date_gmt' => $date,
        'post_category' => [$categories[$i % 5]], 'tags_input' => ['tag' . $i % 17, 'tag' . $i % 5]]);
    if ($i % 4 === 0) set_post_thumbnail($id, $images[$i % 3]);
    for ($c = 0; $c < $i % 4; $c++) {
        wp_insert_comment(['comment_post_ID' => $id, 'comment_author' => "Visitor $c",
            'comment_author_email' => "v$c@example.invalid", 'comment_content' => $text(25), 'comment_approved' => 1]);
    }
}
foreach (['About', 'Contact', 'Cart', 'Checkout', 'My account', 'Shop'] as $title) {
    $write(['post_type' => 'page', 'post_title' => $title, 'post_content' => "<p>{$text(60)}</p>"]);
}
$write(['post_title' => 'Secret post', 'post_name' => 'secret-post', 'post_password' => 'opensesame',
    'post_content' => "<p>TOP-SECRET-BODY {$text(60)}</p>"]);
$write(['post_title' => 'Draft post', 'post_name' => 'draft-post', 'post_status' => 'draft', 'post_content' => $text(60)]);
$write(['post_title' => 'Private post', 'post_name' => 'private-post', 'post_status' => 'private', 'post_content' => $text(60)]);
$write(['post_title' => 'Long post', 'post_name' => 'long-post',
    'post_content' => "<p>Page one {$text(100)}</p><!--nextpage--><p>Page two {$text(100)}</p>"]);

wp_suspend_cache_invalidation(false);
wp_defer_term_counting(false);
wp_defer_comment_counting(false);
wp_cache_flush();
flush_rewrite_rules(false);
