use proptest::prelude::*;

use super::*;
use crate::postgres::message;

fn read(parameters: &[(&str, &str)]) -> Result<Startup, StartupError> {
    let mut bytes = BytesMut::new();
    message::startup(&mut bytes, parameters);
    match first(&mut bytes)? {
        Some(First::Startup(startup)) => Ok(startup),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_database_is_the_users_name_when_none_is_given() {
    assert_eq!(read(&[("user", "wp")]).unwrap().database, "wp");
    assert_eq!(read(&[("database", "x")]), Err(StartupError::NoUser));
}

#[test]
fn options_are_settings() {
    let options = r"-c search_path=a,\ b -cgeqo=off --statement-timeout=5-0";
    let startup = read(&[("user", "u"), ("options", options)]).unwrap();
    let settings: Vec<_> = startup
        .settings
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        settings,
        [
            ("geqo", "off"),
            ("search_path", "a, b"),
            ("statement_timeout", "5-0")
        ]
    );
    assert!(read(&[("user", "u"), ("options", "-d 5")]).is_err());
}

#[test]
fn pitfall_16_startup_settings_that_change_the_user_are_refused() {
    for (name, value) in [
        ("role", "x"),
        ("Session_Authorization", "x"),
        ("a'; DROP", "x"),
        ("replication", "database"),
    ] {
        assert!(read(&[("user", "u"), (name, value)]).is_err(), "{name}");
    }
}

#[test]
fn a_newer_minor_version_and_unknown_options_are_negotiated() {
    let mut bytes = BytesMut::new();
    message::untagged(&mut bytes, |out| {
        out.extend_from_slice(&(PROTOCOL_3_0 + 2).to_be_bytes());
        out.extend_from_slice(b"user\0u\0_pq_.x\x001\0\0");
    });
    let Ok(Some(First::Startup(startup))) = first(&mut bytes) else {
        panic!()
    };
    assert_eq!(startup.negotiate, Some(vec!["_pq_.x".to_owned()]));
}

#[test]
fn oversized_startup_is_refused_before_it_is_read() {
    for length in [0i32, 7, 10_001, -1, i32::MAX] {
        let mut bytes = BytesMut::from(&length.to_be_bytes()[..]);
        assert_eq!(first(&mut bytes), Err(StartupError::Length));
    }
}

proptest! {
    #[test]
    fn no_first_message_panics(body in proptest::collection::vec(any::<u8>(), 0..200), code in prop_oneof![Just(SSL), Just(CANCEL), Just(PROTOCOL_3_0), any::<i32>()]) {
        let mut bytes = BytesMut::new();
        message::untagged(&mut bytes, |out| {
            out.extend_from_slice(&code.to_be_bytes());
            out.extend_from_slice(&body);
        });
        let _ = first(&mut bytes);
    }
}
