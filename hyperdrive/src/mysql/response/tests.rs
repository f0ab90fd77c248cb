use bytes::BufMut as _;
use proptest::prelude::*;

use super::*;
use crate::mysql::wire::put_int;

fn end(flags: u16) -> Vec<u8> {
    let flags = flags.to_le_bytes();
    vec![0xFE, 0, 0, flags[0], flags[1], 0, 0]
}

fn packets(payloads: &[Vec<u8>]) -> BytesMut {
    let (mut out, mut seq) = (BytesMut::new(), 1);
    payloads
        .iter()
        .for_each(|payload| frame::put(&mut out, &mut seq, payload));
    out
}

/// What the client gets, as first bytes and lengths; fed in pieces of `cut` bytes.
fn relay(asked: Asked, input: &[u8], cut: usize) -> (Response, Vec<(u8, usize)>) {
    let mut response = Response::new(asked, 2);
    let (mut waiting, mut output, mut seq) = (BytesMut::new(), BytesMut::new(), 1);
    for piece in input.chunks(cut.max(1)) {
        waiting.put_slice(piece);
        while response
            .feed(&mut waiting, &mut output, &mut seq, usize::MAX)
            .unwrap()
        {}
    }
    let (mut seen, mut number) = (Vec::new(), 1);
    while let Some(packet) = frame::take(&mut output, number, 1 << 26).unwrap() {
        number = packet.seq.wrapping_add(1);
        seen.push((packet.payload.first().copied().unwrap_or(0), packet.payload.len()));
    }
    (response, seen)
}

proptest! {
    #[test]
    fn any_bytes_of_a_server_never_panic(bytes: Vec<u8>, kind in 0..5_u8) {
        let asked = [Asked::Statement, Asked::Prepare, Asked::Fetch, Asked::FieldList, Asked::Line][usize::from(kind)];
        let mut response = Response::new(asked, 2);
        let mut input = BytesMut::from(&bytes[..]);
        let _ = response.feed(&mut input, &mut BytesMut::new(), &mut 1, 1 << 20);
    }

    #[test]
    fn result_sets_get_their_eof_packets_back_however_they_are_cut(cut in 1..40_usize, rows in 0..5_usize) {
        let mut all = vec![vec![1], vec![3; 30]];
        all.extend(std::iter::repeat_n(vec![2, b'h', b'i'], rows));
        all.push(end(2));
        let (response, seen) = relay(Asked::Statement, &packets(&all), cut);
        let mut expected = vec![(1, 1), (3, 30), (0xFE, 5)];
        expected.extend(std::iter::repeat_n((2, 3), rows));
        expected.push((0xFE, 5));
        prop_assert_eq!(seen, expected);
        prop_assert!(response.done());
        prop_assert_eq!(response.rows, Some(rows as u64));
    }
}

#[test]
fn pitfall_1_an_answer_is_over_only_behind_its_last_result() {
    let mut ok = vec![0, 1, 0];
    ok.extend_from_slice(&[8, 0, 0, 0]);
    let first = packets(&[ok.clone()]);
    assert!(!relay(Asked::Statement, &first, 100).0.done());
    ok[3] = 0;
    let both = packets(&[vec![0, 1, 0, 8, 0, 0, 0], vec![1], vec![3; 30], end(8), ok]);
    let (response, seen) = relay(Asked::Statement, &both, 7);
    assert!(response.done());
    assert_eq!(seen.iter().filter(|(first, _)| *first == 0xFE).count(), 2);
}

#[test]
fn long_rows_pass_in_pieces_and_over_frames() {
    let mut row = BytesMut::new();
    put_int(&mut row, (FRAME_MAX + 100) as u64);
    row.put_bytes(7, FRAME_MAX + 100);
    let all = packets(&[vec![1], vec![3; 30], row.to_vec(), end(2)]);
    let (response, seen) = relay(Asked::Statement, &all, 100_000);
    assert!(response.done());
    assert_eq!(seen[3], (0xFE, row.len()));
}

#[test]
fn a_prepared_statement_gets_an_end_behind_parameters_and_columns() {
    let all = packets(&[
        vec![0, 7, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0],
        vec![3; 9],
        vec![3; 9],
        vec![3; 9],
    ]);
    let (response, seen) = relay(Asked::Prepare, &all, 3);
    assert_eq!((response.done(), response.prepared), (true, Some((7, 2))));
    assert_eq!(
        seen.iter().map(|(first, _)| *first).collect::<Vec<_>>(),
        [0, 3, 3, 0xFE, 3, 0xFE]
    );
}
