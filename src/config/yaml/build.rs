//! Parser events to nodes, with an explicit stack: no input can exhaust the thread's own.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use saphyr_parser::{Event, Marker, ScalarStyle};

use super::{DEPTH_MAX, Entry, Fault, NODES_MAX, Node, Position, Value};

/// A mapping or list that is still open.
struct Frame {
    at: Position,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Rc<Node>>),
    Map {
        entries: Vec<Entry>,
        lines: HashMap<String, usize>,
        pending: Option<(String, Position)>,
    },
}

/// Collects events of one stream.
#[derive(Default)]
pub(super) struct Builder {
    frames: Vec<Frame>,
    anchors: HashMap<usize, Rc<Node>>,
    open_anchors: HashSet<usize>,
    root: Option<Rc<Node>>,
    documents: usize,
    nodes: usize,
    faults: Vec<Fault>,
}

impl Builder {
    /// Takes the next event; an error ends the reading.
    pub(super) fn event(&mut self, event: Event<'_>, marker: Marker) -> Result<(), Fault> {
        let at = Position {
            line: marker.line(),
            column: marker.col() + 1,
        };
        match event {
            Event::DocumentStart(_) => self.document(at),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), at)?;
                self.scalar(&text, style == ScalarStyle::Plain, anchor, at)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), at)?;
                self.open(Frame {
                    at,
                    anchor,
                    content: Content::List(Vec::new()),
                })
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), at)?;
                let content = Content::Map {
                    entries: Vec::new(),
                    lines: HashMap::new(),
                    pending: None,
                };
                self.open(Frame { at, anchor, content })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    /// The tree, and what was wrong with it.
    pub(super) fn finish(mut self) -> (Option<Rc<Node>>, Vec<Fault>) {
        let empty = match &self.root {
            None => true,
            Some(root) => matches!(root.value, Value::Null),
        };
        if empty && self.faults.is_empty() {
            self.faults.push(Fault::new(
                Position { line: 1, column: 1 },
                "the file says nothing",
                "start from config/popgate.yaml or one of config/examples",
            ));
            return (None, self.faults);
        }
        (self.root, self.faults)
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    fn document(&mut self, at: Position) -> Result<(), Fault> {
        self.documents += 1;
        if self.documents > 1 {
            return Err(Fault::new(
                at,
                "a second YAML document starts here",
                "keep one document in a file: remove the line `---`",
            ));
        }
        Ok(())
    }

    fn refuse_tag(&self, tagged: bool, at: Position) -> Result<(), Fault> {
        if tagged {
            let mend = "remove the tag; put a value that starts with `!` in quotes";
            return Err(self.fault(at, "YAML tags are not supported", mend));
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, plain: bool, anchor: usize, at: Position) -> Result<(), Fault> {
        if let Some(Frame {
            content: Content::Map {
                pending: pending @ None,
                ..
            },
            ..
        }) = self.frames.last_mut()
        {
            *pending = Some((text.to_owned(), at));
            return self.count(1 + text.len() / 64, at);
        }
        let null = plain && matches!(text, "" | "~" | "null" | "Null" | "NULL");
        let value = if null {
            Value::Null
        } else {
            Value::Scalar {
                text: text.to_owned(),
                plain,
            }
        };
        let weight = 1 + text.len() / 64;
        self.count(weight, at)?;
        let node = Rc::new(Node {
            at,
            value,
            weight,
            depth: 1,
        });
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.add(node)
    }

    fn open(&mut self, frame: Frame) -> Result<(), Fault> {
        self.count(1, frame.at)?;
        if let Some(Frame {
            content: Content::Map { pending: None, .. },
            ..
        }) = self.frames.last()
        {
            return Err(self.complex_key(frame.at));
        }
        if self.frames.len() >= DEPTH_MAX {
            return Err(self.too_deep(frame.at));
        }
        if frame.anchor != 0 {
            self.open_anchors.insert(frame.anchor);
        }
        self.frames.push(frame);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let (value, weight, depth) = match frame.content {
            Content::List(items) => {
                let (weight, depth) = measure(items.iter());
                (Value::List(items), weight, depth)
            }
            Content::Map { entries, .. } => {
                let (weight, depth) = measure(entries.iter().map(|entry| &entry.value));
                let keys: usize = entries.iter().map(|entry| 1 + entry.key.len() / 64).sum();
                (Value::Map(entries), weight + keys, depth)
            }
        };
        let node = Rc::new(Node {
            at: frame.at,
            value,
            weight,
            depth,
        });
        if frame.anchor != 0 {
            self.open_anchors.remove(&frame.anchor);
            self.anchors.insert(frame.anchor, Rc::clone(&node));
        }
        self.add(node)
    }

    fn alias(&mut self, anchor: usize, at: Position) -> Result<(), Fault> {
        if self.open_anchors.contains(&anchor) {
            return Err(self.fault(
                at,
                "an alias refers to the value it stands in",
                "write the value out",
            ));
        }
        let Some(node) = self.anchors.get(&anchor).map(Rc::clone) else {
            return Err(self.fault(at, "unknown alias", "define it with `&name` above this line"));
        };
        if let Some(Frame {
            content: Content::Map { pending: None, .. },
            ..
        }) = self.frames.last()
        {
            return Err(self.complex_key(at));
        }
        self.count(node.weight, at)?;
        if self.frames.len() + node.depth > DEPTH_MAX {
            return Err(self.too_deep(at));
        }
        self.add(node)
    }

    fn add(&mut self, node: Rc<Node>) -> Result<(), Fault> {
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut frame.content {
            Content::List(items) => items.push(node),
            Content::Map {
                entries,
                lines,
                pending,
            } => {
                let Some((key, at)) = pending.take() else {
                    return Ok(());
                };
                if let Some(first) = lines.get(&key) {
                    let problem = format!("the key is here twice, first in line {first}");
                    let path = join(&self.path(), &key);
                    self.faults.push(Fault {
                        key: path,
                        ..Fault::new(at, problem, "keep one of them")
                    });
                    return Ok(());
                }
                lines.insert(key.clone(), at.line);
                entries.push(Entry { key, at, value: node });
            }
        }
        Ok(())
    }

    fn count(&mut self, weight: usize, at: Position) -> Result<(), Fault> {
        self.nodes = self.nodes.saturating_add(weight);
        if self.nodes > NODES_MAX {
            let problem = format!("the file expands to more than {NODES_MAX} values");
            return Err(self.fault(at, problem, "write less, and use fewer aliases"));
        }
        Ok(())
    }

    fn complex_key(&self, at: Position) -> Fault {
        self.fault(
            at,
            "a key must be text",
            "put a key that starts with `[`, `{`, `*` or `&` in quotes",
        )
    }

    fn too_deep(&self, at: Position) -> Fault {
        self.fault(
            at,
            format!("nested more than {DEPTH_MAX} levels deep"),
            "nest less deeply",
        )
    }

    fn fault(&self, at: Position, problem: impl Into<String>, mend: impl Into<String>) -> Fault {
        Fault {
            key: self.path(),
            ..Fault::new(at, problem, mend)
        }
    }

    /// Key path of the place the next node goes to.
    fn path(&self) -> String {
        let mut path = String::new();
        for frame in &self.frames {
            match &frame.content {
                Content::List(items) => path.push_str(&format!("[{}]", items.len())),
                Content::Map {
                    pending: Some((key, _)),
                    ..
                } => path = join(&path, key),
                Content::Map { pending: None, .. } => {}
            }
        }
        path
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn measure<'n>(children: impl Iterator<Item = &'n Rc<Node>>) -> (usize, usize) {
    children.fold((1, 1), |(weight, depth), child| {
        (weight.saturating_add(child.weight), depth.max(child.depth + 1))
    })
}
