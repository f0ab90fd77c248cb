use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn entry() -> Entry {
    let mut headers = HeaderMap::new();
    headers.append("content-type", HeaderValue::from_static("text/html"));
    headers.append("link", HeaderValue::from_static("</a>"));
    headers.append("x-own", HeaderValue::from_bytes(b"\xe4\xf6").unwrap());
    headers.append("link", HeaderValue::from_static("</b>"));
    Entry {
        base: KeyHash(7),
        root: KeyHash(8),
        slot: KeyHash(9),
        host: "blog.example".into(),
        path: "/a/b".into(),
        query: None,
        status: StatusCode::OK,
        headers,
        body: Bytes::from_static(b"hello"),
        times: Times {
            stored_at: time(1_700_000_000_123),
            initial_age: Duration::from_millis(1500),
            fresh_until: time(1_700_000_060_123),
            stale_while_revalidate: Duration::from_secs(30),
            stale_if_error: Duration::from_secs(86_400),
        },
        seq: PurgeSeq(u64::MAX - 3),
        tags: ["post-1".into(), "home".into()].into(),
        wire: Wire::default(),
        searched: Default::default(),
        superseded: Default::default(),
    }
}

fn object(slot: KeyHash, frame: &Bytes) -> Result<Entry, CodecError> {
    match decode(slot, frame)? {
        Frame::Object(entry) => Ok(entry),
        other => panic!("not an object: {other:?}"),
    }
}

fn same(a: &Entry, b: &Entry) {
    assert_eq!(
        (a.base, a.root, a.slot, a.status, a.seq),
        (b.base, b.root, b.slot, b.status, b.seq)
    );
    assert_eq!(
        (&a.host, &a.path, &a.query, &a.tags, &a.body),
        (&b.host, &b.path, &b.query, &b.tags, &b.body)
    );
    assert_eq!(a.times, b.times);
    let fields = |e: &Entry| {
        e.headers
            .iter()
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(fields(a), fields(b));
}

/// A changed frame with a checksum that fits.
fn resealed(frame: &Bytes, change: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut bytes = frame.to_vec();
    change(&mut bytes);
    let sum = checksum(&bytes);
    bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&sum.to_be_bytes());
    Bytes::from(bytes)
}

#[test]
fn an_entry_comes_back_as_it_was() {
    let entry = entry();
    same(&object(entry.slot, &encode(&entry).unwrap()).unwrap(), &entry);
}

#[test]
fn a_large_body_shares_the_frame_and_a_small_one_does_not() {
    let mut entry = entry();
    let shares = |entry: &Entry| {
        let frame = encode(entry).unwrap();
        let body = object(entry.slot, &frame).unwrap().body;
        frame.as_ptr_range().contains(&body.as_ptr())
    };
    assert!(!shares(&entry));
    entry.body = Bytes::from(vec![1; 100_000]);
    assert!(shares(&entry));
}

#[test]
fn a_vary_marker_comes_back_as_it_was() {
    let vary = VaryNames {
        names: [
            HeaderName::from_static("accept-encoding"),
            HeaderName::from_static("x-device"),
        ]
        .into(),
        dead_at: time(1_700_000_000_000),
        superseded: Default::default(),
    };
    let frame = encode_vary(KeyHash(3), &vary).unwrap();
    match decode(KeyHash(3), &frame).unwrap() {
        Frame::Vary(back) => assert_eq!(back, vary),
        other => panic!("not a vary marker: {other:?}"),
    }
    assert!(matches!(decode(KeyHash(4), &frame), Err(CodecError::Slot)));
}

#[test]
fn an_alias_comes_back_as_it_was() {
    let alias = Alias {
        slot: KeyHash(u128::MAX - 7),
        dead_at: time(1_700_000_000_000),
    };
    let frame = encode_alias(KeyHash(3), &alias).unwrap();
    match decode(KeyHash(3), &frame).unwrap() {
        Frame::Alias(back) => assert_eq!(back, alias),
        other => panic!("not an alias: {other:?}"),
    }
    for len in 0..frame.len() {
        assert!(decode(KeyHash(3), &frame.slice(..len)).is_err(), "{len}");
    }
}

#[test]
fn the_frame_of_another_slot_is_refused() {
    let frame = encode(&entry()).unwrap();
    assert_eq!(object(KeyHash(8), &frame).unwrap_err(), CodecError::Slot);
}

#[test]
fn another_version_is_refused() {
    let frame = resealed(&encode(&entry()).unwrap(), |bytes| bytes[4] = VERSION + 1);
    assert_eq!(
        object(KeyHash(9), &frame).unwrap_err(),
        CodecError::Version(VERSION + 1)
    );
}

#[test]
fn an_unknown_kind_is_refused() {
    let frame = resealed(&encode(&entry()).unwrap(), |bytes| bytes[5] = 9);
    assert_eq!(object(KeyHash(9), &frame).unwrap_err(), CodecError::Field("kind"));
}

#[test]
fn every_cut_is_refused() {
    let frame = encode(&entry()).unwrap();
    for len in 0..frame.len() {
        assert!(object(KeyHash(9), &frame.slice(..len)).is_err(), "{len}");
    }
}

#[test]
fn bytes_behind_the_frame_are_refused() {
    let mut longer = encode(&entry()).unwrap().to_vec();
    longer.push(0);
    assert_eq!(
        object(KeyHash(9), &Bytes::from(longer)).unwrap_err(),
        CodecError::Length
    );
}

#[test]
fn every_changed_byte_is_noticed() {
    let frame = encode(&entry()).unwrap();
    for at in 0..frame.len() {
        let mut bytes = frame.to_vec();
        bytes[at] ^= 0x20;
        assert!(decode(KeyHash(9), &Bytes::from(bytes)).is_err(), "{at}");
    }
}

#[test]
fn statuses_that_are_never_stored_are_refused() {
    for status in [100_u16, 206, 304] {
        let mut bad = entry();
        bad.status = StatusCode::from_u16(status).unwrap();
        let frame = encode(&bad).unwrap();
        assert_eq!(
            object(KeyHash(9), &frame).unwrap_err(),
            CodecError::Field("status"),
            "{status}"
        );
    }
}

#[test]
fn times_beyond_all_reason_are_cut() {
    let mut entry = entry();
    entry.times.stale_if_error = Duration::MAX;
    entry.times.initial_age = Duration::from_nanos(1_999_999);
    let back = object(entry.slot, &encode(&entry).unwrap()).unwrap();
    assert_eq!(back.times, normalise(entry.times));
    assert_eq!(back.times.initial_age, Duration::from_millis(1));
    assert_eq!(back.times.stale_if_error, Duration::from_millis(LONGEST_MS));
}

#[test]
fn more_than_a_frame_carries_is_refused_when_writing() {
    let mut many = entry();
    many.tags = (0..=TAGS_MAX).map(|tag| tag.to_string().into()).collect();
    assert_eq!(encode(&many).unwrap_err(), CodecError::TooLarge("tags"));
    let mut long = entry();
    long.host = "h".repeat(70_000).into();
    assert_eq!(encode(&long).unwrap_err(), CodecError::TooLarge("host"));
}

fn header() -> impl Strategy<Value = (String, Vec<u8>)> {
    (
        "[a-z][a-z0-9-]{0,20}",
        vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff], 0..40),
    )
}

prop_compose! {
    fn any_entry()(
        slot: u128, base: u128, root: u128, seq: u64, status in 200_u16..206,
        host in "[a-z.]{0,30}", path in "/[ -~é]{0,60}",
        query in prop::option::of("[a-z=&]{0,20}"),
        fields in vec(header(), 0..20), tags in vec("[a-z0-9-]{0,20}", 0..10),
        body in vec(any::<u8>(), 0..5000), times in prop::array::uniform5(0..LONGEST_MS),
    ) -> Entry {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(&value).unwrap(),
            );
        }
        Entry {
            base: KeyHash(base), root: KeyHash(root), slot: KeyHash(slot), host: host.into(), path: path.into(),
            query: query.map(String::into_boxed_str),
            status: StatusCode::from_u16(status).unwrap(), headers, body: body.into(),
            times: Times {
                stored_at: time(times[0]), initial_age: Duration::from_millis(times[1]),
                fresh_until: time(times[2]), stale_while_revalidate: Duration::from_millis(times[3]),
                stale_if_error: Duration::from_millis(times[4]),
            },
            seq: PurgeSeq(seq), tags: tags.into_iter().map(String::into_boxed_str).collect(),
            wire: Wire::default(),
            searched: Default::default(),
            superseded: Default::default(),
        }
    }
}

proptest! {
    #[test]
    fn any_entry_comes_back_as_it_was(entry in any_entry()) {
        same(&object(entry.slot, &encode(&entry).unwrap()).unwrap(), &entry);
    }

    #[test]
    fn random_bytes_are_an_error(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(decode(KeyHash(0), &Bytes::from(bytes)).is_err());
    }

    #[test]
    fn random_bytes_in_a_good_frame_never_panic(mut bytes in vec(any::<u8>(), 0..400)) {
        seal(KeyHash(1), &mut bytes);
        let error = decode(KeyHash(1), &Bytes::from(bytes)).unwrap_err();
        prop_assert!(matches!(error, CodecError::Length | CodecError::Field(_)), "{}", error);
    }

    /// Beyond the checksum every field is verified on its own.
    #[test]
    fn damage_with_a_fitting_checksum_never_panics(
        entry in any_entry(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let frame = resealed(&encode(&entry).unwrap(), |bytes| {
            for (at, to) in damage {
                let at = at.index(bytes.len());
                bytes[at] = to;
            }
        });
        let _ = decode(entry.slot, &frame);
    }
}
