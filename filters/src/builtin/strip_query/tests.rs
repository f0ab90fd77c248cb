use http::Method;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::builtin::fixture;
use crate::chain::Chain;

fn stripped(query: &str) -> Option<String> {
    let options = json!({"ignore": ["utm_*", "fbclid"]});
    fixture::request("strip_query", &options, &Method::GET, "/", Some(query)).1
}

#[test]
fn ignored_parameters_are_dropped_by_name_and_by_prefix() {
    assert_eq!(
        stripped("utm_source=x&p=7&fbclid=y&utm_=z").as_deref(),
        Some("p=7")
    );
    assert_eq!(
        stripped("xutm_source=1&fbclid2=2").as_deref(),
        Some("fbclid2=2&xutm_source=1")
    );
}

#[test]
fn a_query_of_ignored_parameters_only_disappears() {
    assert_eq!(stripped("utm_source=x&fbclid"), None);
    assert_eq!(stripped(""), None);
    assert_eq!(stripped("&&"), None);
}

#[test]
fn an_encoded_name_does_not_slip_through() {
    assert_eq!(stripped("utm%5Fsource=x&%66bclid=1"), None);
}

#[test]
fn the_rest_keeps_its_bytes() {
    assert_eq!(
        stripped("s=a%2fb+c&%zz=%&q").as_deref(),
        Some("%zz=%&q&s=a%2fb+c")
    );
}

#[test]
fn parameters_of_one_variable_keep_their_order() {
    assert_eq!(
        stripped("b[]=2&a=9&b[]=1&b=0&b%5Bx%5D=3").as_deref(),
        Some("a=9&b[]=2&b[]=1&b=0&b%5Bx%5D=3")
    );
}

#[test]
fn names_are_case_sensitive() {
    assert_eq!(stripped("FBCLID=1").as_deref(), Some("FBCLID=1"));
}

#[test]
fn sort_false_keeps_the_order() {
    let options = json!({"ignore": "x", "sort": false});
    let (_, query) = fixture::request("strip_query", &options, &Method::GET, "/", Some("b=1&x=2&a=3"));
    assert_eq!(query.as_deref(), Some("b=1&a=3"));
}

#[test]
fn a_star_in_the_middle_is_refused() {
    for wrong in ["utm_*_x", "*", ""] {
        let options = json!({"ignore": [wrong]});
        let errors = Chain::build(&[("strip_query", &options)]).unwrap_err();
        assert_eq!(errors[0].key, "ignore", "{wrong:?}");
    }
}

fn ignored() -> Ignored {
    Ignored::new(["utm_*", "fbclid"]).unwrap()
}

proptest! {
    #[test]
    fn rewriting_twice_changes_nothing_more(query in "[a-c_&=%+\\[\\]0-9utmfbclid]{0,60}", sort: bool) {
        if let Some(once) = rewrite(&query, &ignored(), sort) {
            prop_assert_eq!(rewrite(&once, &ignored(), sort), Some(once.clone()));
        }
    }

    #[test]
    fn parameters_are_kept_whole_or_dropped_whole(query in "\\PC{0,60}", sort: bool) {
        let rest = rewrite(&query, &ignored(), sort).unwrap_or_default().into_owned();
        let parameters = |text: &str| {
            let mut list: Vec<String> = text.split('&').filter(|p| !p.is_empty()).map(str::to_owned).collect();
            list.sort();
            list
        };
        let wanted: Vec<String> = parameters(&query)
            .into_iter()
            .filter(|parameter| !ignored().has(&decoded_name(parameter)))
            .collect();
        prop_assert_eq!(parameters(&rest), wanted);
    }

    #[test]
    fn the_order_between_names_does_not_matter(mut names in proptest::collection::vec("[a-z]{1,4}", 1..8)) {
        names.sort();
        names.dedup();
        let forward = names.join("&");
        names.reverse();
        let none = Ignored::default();
        let backward = names.join("&");
        prop_assert_eq!(rewrite(&forward, &none, true), rewrite(&backward, &none, true));
    }
}
