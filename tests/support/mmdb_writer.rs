//! A small mmdb writer for tests: IPv6 tree with IPv4 at `::/96`, 24-bit records, no sharing of data.

use std::net::IpAddr;

use ipnet::IpNet;

/// A value of a record.
#[derive(Debug, Clone)]
pub enum Value {
    /// UTF-8 text.
    Text(&'static str),
    /// A double.
    Double(f64),
    /// A 32-bit number.
    Number(u32),
    /// A 16-bit number.
    Short(u16),
    /// A 64-bit number.
    Long(u64),
    /// A flag.
    Flag(bool),
    /// A map.
    Map(Vec<(&'static str, Value)>),
    /// An array.
    List(Vec<Value>),
}

#[derive(Clone, Copy)]
enum Record {
    Empty,
    Node(usize),
    Data(usize),
}

/// The bytes of a database of type `kind`; of overlapping networks the wider must come first.
pub fn database(kind: &'static str, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut tree = vec![[Record::Empty; 2]];
    let mut data = Vec::new();
    for (network, value) in networks {
        let offset = data.len();
        encode(value, &mut data);
        insert(&mut tree, network.parse().unwrap(), offset);
    }
    let mut bytes = Vec::new();
    for record in tree.iter().flatten() {
        let number = match record {
            Record::Empty => tree.len(),
            Record::Node(node) => *node,
            Record::Data(offset) => tree.len() + 16 + offset,
        };
        bytes.extend_from_slice(&u32::try_from(number).unwrap().to_be_bytes()[1..]);
    }
    bytes.extend_from_slice(&[0; 16]);
    bytes.extend_from_slice(&data);
    bytes.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    encode(&metadata(kind, tree.len()), &mut bytes);
    bytes
}

fn metadata(kind: &'static str, nodes: usize) -> Value {
    Value::Map(vec![
        ("binary_format_major_version", Value::Short(2)),
        ("binary_format_minor_version", Value::Short(0)),
        ("build_epoch", Value::Long(1_700_000_000)),
        ("database_type", Value::Text(kind)),
        ("description", Value::Map(vec![("en", Value::Text("test data"))])),
        ("ip_version", Value::Short(6)),
        ("languages", Value::List(vec![Value::Text("en")])),
        ("node_count", Value::Number(u32::try_from(nodes).unwrap())),
        ("record_size", Value::Short(24)),
    ])
}

fn insert(tree: &mut Vec<[Record; 2]>, network: IpNet, offset: usize) {
    let (bits, length) = match network.addr() {
        IpAddr::V4(four) => (u128::from(four.to_bits()), 96 + network.prefix_len()),
        IpAddr::V6(six) => (six.to_bits(), network.prefix_len()),
    };
    let mut node = 0;
    for depth in 0..length {
        let side = usize::from(bits >> (127 - depth) & 1 == 1);
        if depth + 1 == length {
            tree[node][side] = Record::Data(offset);
            return;
        }
        node = match tree[node][side] {
            Record::Node(next) => next,
            above => {
                tree.push([above; 2]);
                let next = tree.len() - 1;
                tree[node][side] = Record::Node(next);
                next
            }
        };
    }
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => {
            control(2, text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Double(number) => {
            control(3, 8, out);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Number(number) => {
            control(6, 4, out);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Short(number) => {
            control(5, 2, out);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Long(number) => {
            control(9, 8, out);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Flag(flag) => control(14, usize::from(*flag), out),
        Value::Map(entries) => {
            control(7, entries.len(), out);
            for (key, value) in entries {
                encode(&Value::Text(key), out);
                encode(value, out);
            }
        }
        Value::List(items) => {
            control(11, items.len(), out);
            for item in items {
                encode(item, out);
            }
        }
    }
}

/// Type and size, the latter in the byte itself or in up to two more.
fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let (low, more) = match size {
        0..29 => (u8::try_from(size).unwrap(), Vec::new()),
        29..285 => (29, vec![u8::try_from(size - 29).unwrap()]),
        _ => (30, u16::try_from(size - 285).unwrap().to_be_bytes().to_vec()),
    };
    match kind {
        0..=7 => out.push(kind << 5 | low),
        _ => out.extend_from_slice(&[low, kind - 7]),
    }
    out.extend(more);
}
