use serde_json::json;

use super::*;

fn errors(specs: &[(&str, Value)]) -> Vec<ChainError> {
    let specs: Vec<_> = specs.iter().map(|(name, options)| (*name, options)).collect();
    Chain::build(&specs).err().unwrap_or_default()
}

#[test]
fn an_unknown_filter_names_the_nearest() {
    let errors = errors(&[("geo_header", Value::Null)]);
    assert_eq!(errors[0].problem, "unknown filter `geo_header`");
    assert_eq!(errors[0].mend, "did you mean `geo_headers`?");
    let errors = self::errors(&[("qqq", Value::Null)]);
    assert!(errors[0].mend.starts_with("known filters: geo_headers"));
}

#[test]
fn the_same_filter_twice_is_refused() {
    let errors = errors(&[("geo_headers", Value::Null), ("geo_headers", Value::Null)]);
    assert_eq!((errors.len(), errors[0].index), (1, 1));
    assert!(errors[0].problem.contains("twice"));
}

#[test]
fn a_filter_behind_an_unconditional_answer_is_refused() {
    let errors = errors(&[
        ("respond", json!({"body": "closed"})),
        ("geo_headers", Value::Null),
        ("redirect_https", Value::Null),
    ]);
    assert_eq!(errors.iter().map(|e| e.index).collect::<Vec<_>>(), [1, 2]);
    assert!(errors[0].problem.contains("`respond`"));
}

#[test]
fn an_unconditional_answer_at_the_end_is_fine() {
    let chain = Chain::build(&[("geo_headers", &Value::Null), ("respond", &Value::Null)]).unwrap();
    assert!(chain.always_answers());
    assert_eq!(chain.names().collect::<Vec<_>>(), ["geo_headers", "respond"]);
}

#[test]
fn all_errors_come_at_once_and_in_order() {
    let errors = errors(&[
        ("strip_query", json!({"ingore": ["a"], "sort": "yes"})),
        ("nope", Value::Null),
        ("strip_query", Value::Null),
    ]);
    let found: Vec<_> = errors.iter().map(|e| (e.index, e.key.as_str())).collect();
    assert_eq!(found, [(0, "ingore"), (0, "sort"), (1, ""), (2, "")]);
}

#[test]
fn geo_headers_alone_leave_hits_to_the_lane() {
    let chain = Chain::build(&[("geo_headers", &Value::Null)]).unwrap();
    assert!(chain.hits_need_nothing());
    let chain = Chain::build(&[("strip_query", &Value::Null)]).unwrap();
    assert!(!chain.hits_need_nothing());
    let remove = json!({"response": {"remove": ["Server"]}});
    let chain = Chain::build(&[("headers", &remove)]).unwrap();
    assert!(chain.acts_on_hits() && !chain.hits_need_nothing());
}
