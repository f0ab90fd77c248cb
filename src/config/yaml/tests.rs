use proptest::prelude::*;

use super::*;

fn tree(text: &str) -> Rc<Node> {
    let (node, faults) = parse(text.as_bytes());
    assert_eq!(faults, []);
    node.unwrap()
}

fn fault(text: impl AsRef<[u8]>) -> Fault {
    let (_, mut faults) = parse(text.as_ref());
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}

#[test]
fn keys_and_values_know_their_line_and_column() {
    let root = tree("# head\npop: sin1\nlisten:\n  - address: \"0.0.0.0:80\"\n");
    let Value::Map(entries) = &root.value else {
        panic!("{root:?}")
    };
    assert_eq!(entries[0].at, Position { line: 2, column: 1 });
    assert_eq!(entries[0].value.at, Position { line: 2, column: 6 });
    let Value::List(items) = &entries[1].value.value else {
        panic!("{root:?}")
    };
    let Value::Map(listen) = &items[0].value else {
        panic!("{root:?}")
    };
    assert_eq!(listen[0].at, Position { line: 4, column: 5 });
    assert_eq!(listen[0].value.at, Position { line: 4, column: 14 });
}

#[test]
fn scalars_stay_text() {
    let root = tree("a: NO\nb: 010\nc: off\nd: ~\ne:\nf: \"\"\n");
    let Value::Map(entries) = &root.value else {
        panic!("{root:?}")
    };
    let texts: Vec<_> = entries
        .iter()
        .map(|e| match &e.value.value {
            Value::Scalar { text, plain } => Some((text.as_str(), *plain)),
            _ => None,
        })
        .collect();
    assert_eq!(
        texts,
        [
            Some(("NO", true)),
            Some(("010", true)),
            Some(("off", true)),
            None,
            None,
            Some(("", false))
        ]
    );
}

#[test]
fn a_key_written_twice_is_named_with_both_lines() {
    let fault = fault("cache:\n  memory: 1MiB\n  memory: 2MiB\n");
    assert_eq!((fault.at.line, fault.key.as_str()), (3, "cache.memory"));
    assert!(fault.problem.contains("line 2"), "{fault:?}");
}

#[test]
fn a_second_document_is_refused() {
    let fault = fault("a: 1\n---\nb: 2\n");
    assert_eq!(fault.at.line, 2);
    assert!(fault.problem.contains("second YAML document"), "{fault:?}");
}

#[test]
fn an_empty_file_is_refused() {
    for text in ["", "# only a comment\n", "---\n", "\u{feff}", "~"] {
        assert!(fault(text).problem.contains("says nothing"), "{text:?}");
    }
}

#[test]
fn other_encodings_are_refused_with_their_line() {
    let latin1 = fault(b"pop: sin1\ncity: M\xfcnchen\n");
    assert_eq!(latin1.at, Position { line: 2, column: 8 });
    assert!(fault(b"\xff\xfep\0o\0p\0").problem.contains("UTF-16"));
    assert_eq!(fault("a: 1\nb: \0\n").at.line, 2);
}

#[test]
fn tabs_as_indentation_are_named() {
    let fault = fault("cache:\n\tmemory: 1MiB\n");
    assert!(fault.problem.contains("tab"), "{fault:?}");
    assert!((1..=3).contains(&fault.at.line), "{fault:?}");
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let alias = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", ")));
    }
    assert!(fault(text).problem.contains("expands to more than"));
}

#[test]
fn a_long_text_counts_as_often_as_it_is_aliased() {
    let text = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(1_000_000),
        vec!["*a"; 1000].join(", ")
    );
    assert!(fault(text).problem.contains("expands to more than"));
}

#[test]
fn deep_nesting_is_refused_also_by_aliases() {
    assert!(fault("[".repeat(200)).problem.contains("deep"));
    let inner = format!("{}{}", "[".repeat(20), "]".repeat(20));
    let outer = format!("{}*a{}", "[".repeat(20), "]".repeat(20));
    assert!(
        fault(format!("a: &a {inner}\nb: {outer}\n"))
            .problem
            .contains("deep")
    );
}

#[test]
fn an_alias_stands_for_its_value_and_never_for_itself() {
    let root = tree("a: &a [1]\nb: *a\n");
    let Value::Map(entries) = &root.value else {
        panic!("{root:?}")
    };
    assert!(matches!(&entries[1].value.value, Value::List(items) if items.len() == 1));
    assert!(fault("a: &a [*a]\n").problem.contains("alias"));
    assert!(fault("a: *nowhere\n").mend.contains("define"));
}

#[test]
fn tags_and_complex_keys_are_refused() {
    assert!(fault("a: !!binary aGk=\n").problem.contains("tags"));
    assert!(fault("? [a, b]\n: 1\n").problem.contains("a key must be text"));
}

#[test]
fn a_file_above_the_limit_is_refused() {
    let fault = fault(vec![b'#'; FILE_BYTES_MAX + 1]);
    assert_eq!(fault.at.line, 0);
    assert!(fault.problem.contains("4 MiB"));
}

proptest! {
    #[test]
    fn any_bytes_give_a_tree_or_faults(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (node, faults) = parse(&bytes);
        prop_assert!(node.is_some() || !faults.is_empty());
    }

    #[test]
    fn yaml_like_text_gives_a_tree_or_faults(text in "[a-c:\\-\\[\\]{},&*!|>'\"#?%@ \t\n~0-9]{0,200}") {
        let (node, faults) = parse(text.as_bytes());
        prop_assert!(node.is_some() || !faults.is_empty());
    }
}
