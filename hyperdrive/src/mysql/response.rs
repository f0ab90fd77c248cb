//! The answer to a command, followed packet by packet to its end while it is passed on.
//!
//! Servers are asked for `DEPRECATE_EOF` and `SESSION_TRACK`, clients are offered neither: result sets get
//! their EOF packets back, reports of session state stay here, and sequence numbers are counted anew. Rows
//! are not parsed, and long ones pass through in pieces.

use bytes::{Buf as _, Bytes, BytesMut};
use thiserror::Error;

use super::consts::status;
use super::frame::{self, FRAME_MAX, HEADER};
use super::packet::{Changes, Err as ErrPacket, Ok as OkPacket, eof};
use super::wire::Reader;

/// Longest packet that is not a row: an OK, an error, a column.
const META_MAX: usize = 1 << 20;

/// What the command was, and so what its answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// `COM_QUERY`, `COM_STMT_EXECUTE`: results, one after the other.
    Statement,
    /// `COM_STMT_PREPARE`.
    Prepare,
    /// `COM_STMT_FETCH`: rows.
    Fetch,
    /// `COM_FIELD_LIST`: columns.
    FieldList,
    /// `COM_STATISTICS`: a line of text.
    Line,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Head,
    Columns(u64),
    /// The first packet behind the columns: it decides whether there are rows at all.
    FirstRow,
    Rows,
    /// More of a row: this many bytes of a frame, and whether another frame follows.
    Piece(usize, bool),
    /// A frame that goes on with a row.
    MoreFrames,
    Parameters(u64, u64),
    Line,
    Done,
}

/// An answer under way.
#[derive(Debug)]
pub struct Response {
    next: Next,
    asked: Asked,
    seq: Option<u8>,
    /// Flags for the EOF behind columns.
    flags: u16,
    /// The client may have seen a part of it.
    pub started: bool,
    /// The last OK that was no result set's end.
    pub ok: Option<OkPacket>,
    /// The error it ended with.
    pub err: Option<ErrPacket>,
    /// Rows of the last result set.
    pub rows: Option<u64>,
    /// Flags of its end.
    pub status: u16,
    /// Warnings of its end.
    pub warnings: u16,
    /// Reported changes of session state.
    pub changes: Changes,
    /// Number and parameters of a statement that was prepared.
    pub prepared: Option<(u32, u16)>,
}

/// Bytes of a server that are no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the server's answer is malformed: {0}")]
pub struct Malformed(pub &'static str);

impl Response {
    /// Nothing has come yet. `flags` are those of the session.
    #[must_use]
    pub fn new(asked: Asked, flags: u16) -> Self {
        Self {
            next: match asked {
                Asked::Statement | Asked::Prepare => Next::Head,
                Asked::Fetch => Next::Rows,
                Asked::FieldList => Next::Columns(u64::MAX),
                Asked::Line => Next::Line,
            },
            asked,
            seq: None,
            flags,
            started: false,
            ok: None,
            err: None,
            rows: None,
            status: flags,
            warnings: 0,
            changes: Changes::default(),
            prepared: None,
        }
    }

    /// It is whole.
    #[must_use]
    pub fn done(&self) -> bool {
        self.next == Next::Done
    }

    /// The client has only whole packets.
    #[must_use]
    pub fn between_packets(&self) -> bool {
        !matches!(self.next, Next::Piece(..) | Next::MoreFrames)
    }

    /// Takes what has come in `input` and puts what the client is to get into `output`, until `enough` bytes
    /// are there; true when more could be taken at once.
    ///
    /// # Errors
    /// [`Malformed`]; the connection must be closed.
    pub fn feed(
        &mut self,
        input: &mut BytesMut,
        output: &mut BytesMut,
        seq: &mut u8,
        enough: usize,
    ) -> Result<bool, Malformed> {
        while self.next != Next::Done {
            if output.len() >= enough {
                return Ok(true);
            }
            if let Next::Piece(left, more) = self.next {
                if input.is_empty() {
                    return Ok(false);
                }
                self.piece(input, output, left, more);
                continue;
            }
            let Some((length, number)) = frame::header(input) else {
                return Ok(false);
            };
            if self.seq.is_some_and(|last| last.wrapping_add(1) != number) {
                return Err(Malformed("packets are out of order"));
            }
            let row = match (self.next, input.get(HEADER)) {
                (Next::MoreFrames, _) => true,
                (Next::Rows | Next::FirstRow, Some(0xFF)) => false,
                (Next::Rows | Next::FirstRow, Some(0xFE)) => length == FRAME_MAX,
                (Next::Rows | Next::FirstRow, Some(_)) => true,
                (Next::Rows | Next::FirstRow, None) if length > 0 => return Ok(false),
                _ => false,
            };
            if row {
                self.seq = Some(number);
                self.row(input, output, seq, length);
                continue;
            }
            if length > META_MAX {
                return Err(Malformed("a packet that is no row is too long"));
            }
            if input.len() < HEADER + length {
                return Ok(false);
            }
            self.seq = Some(number);
            input.advance(HEADER);
            let packet = input.split_to(length).freeze();
            self.packet(&packet, output, seq)?;
        }
        Ok(false)
    }

    fn row(&mut self, input: &mut BytesMut, output: &mut BytesMut, seq: &mut u8, length: usize) {
        if self.next == Next::FirstRow {
            frame::put(output, seq, &eof(0, self.flags));
        }
        if self.next != Next::MoreFrames {
            self.rows = self.rows.map(|rows| rows + 1);
        }
        self.started = true;
        frame::put_header(output, seq, length);
        input.advance(HEADER);
        self.piece(input, output, length, length == FRAME_MAX);
    }

    fn piece(&mut self, input: &mut BytesMut, output: &mut BytesMut, left: usize, more: bool) {
        let there = left.min(input.len());
        output.extend_from_slice(&input[..there]);
        input.advance(there);
        self.next = match (left - there, more) {
            (0, true) => Next::MoreFrames,
            (0, false) => Next::Rows,
            (left, more) => Next::Piece(left, more),
        };
    }

    fn packet(&mut self, packet: &Bytes, output: &mut BytesMut, seq: &mut u8) -> Result<(), Malformed> {
        let first = packet.first().copied();
        if first == Some(0xFF) && self.next != Next::Line {
            let err = ErrPacket::read(packet).ok_or(Malformed("an error"))?;
            // Behind columns a client expects their end first.
            if self.next == Next::FirstRow {
                frame::put(output, seq, &eof(0, self.flags));
            }
            frame::put(output, seq, &err.payload());
            self.err = Some(err);
            self.next = Next::Done;
            return Ok(());
        }
        match self.next {
            Next::Head if self.asked == Asked::Prepare => self.prepare(packet, output, seq),
            Next::Head => self.head(packet, output, seq),
            Next::Columns(left) => {
                // Only COM_FIELD_LIST has no number of columns ahead.
                if self.asked == Asked::FieldList && first == Some(0xFE) {
                    return self.end(packet, output, seq, false);
                }
                frame::put(output, seq, packet);
                if self.asked == Asked::FieldList {
                    return Ok(());
                }
                self.next = match left {
                    0 | 1 if self.asked == Asked::Prepare => {
                        frame::put(output, seq, &eof(0, self.flags));
                        Next::Done
                    }
                    0 | 1 => Next::FirstRow,
                    left => Next::Columns(left - 1),
                };
                Ok(())
            }
            Next::Parameters(left, columns) => {
                frame::put(output, seq, packet);
                if left > 1 {
                    self.next = Next::Parameters(left - 1, columns);
                } else {
                    frame::put(output, seq, &eof(0, self.flags));
                    self.next = if columns == 0 {
                        Next::Done
                    } else {
                        Next::Columns(columns)
                    };
                }
                Ok(())
            }
            Next::FirstRow | Next::Rows if first == Some(0xFE) => {
                let columns = self.next == Next::FirstRow;
                self.end(packet, output, seq, columns)
            }
            Next::Line => {
                frame::put(output, seq, packet);
                self.next = Next::Done;
                Ok(())
            }
            _ => Err(Malformed("an empty packet among rows")),
        }
    }

    fn head(&mut self, packet: &Bytes, output: &mut BytesMut, seq: &mut u8) -> Result<(), Malformed> {
        match packet.first() {
            Some(0x00) => {
                let mut ok = OkPacket::read(packet).ok_or(Malformed("an OK"))?;
                frame::put(output, seq, &ok.payload());
                self.rows = None;
                self.changes.merge(std::mem::take(&mut ok.changes));
                (self.status, self.warnings) = (ok.status, ok.warnings);
                self.next = self.after(ok.status);
                self.ok = Some(ok);
                Ok(())
            }
            Some(0xFB) => Err(Malformed("it asks for a file of the client")),
            _ => {
                let mut reader = Reader(packet);
                let columns = reader.int().filter(|columns| (1..=65_535).contains(columns));
                let columns = columns.ok_or(Malformed("a number of columns"))?;
                frame::put(output, seq, packet);
                (self.rows, self.ok) = (Some(0), None);
                self.next = Next::Columns(columns);
                Ok(())
            }
        }
    }

    fn prepare(&mut self, packet: &Bytes, output: &mut BytesMut, seq: &mut u8) -> Result<(), Malformed> {
        let mut reader = Reader(packet);
        let mut read = || {
            reader.u8().filter(|first| *first == 0)?;
            let (id, columns, parameters) = (reader.u32()?, reader.u16()?, reader.u16()?);
            reader.u8()?;
            Some((id, columns, parameters, reader.u16().unwrap_or(0)))
        };
        let (id, columns, parameters, warnings) = read().ok_or(Malformed("a prepared statement"))?;
        self.prepared = Some((id, parameters));
        self.warnings = warnings;
        frame::put(output, seq, packet);
        self.next = match (parameters, columns) {
            (0, 0) => Next::Done,
            (0, columns) => Next::Columns(columns.into()),
            (parameters, columns) => Next::Parameters(parameters.into(), columns.into()),
        };
        Ok(())
    }

    /// The end of rows. `columns`: nothing was between them and the columns.
    fn end(
        &mut self,
        packet: &Bytes,
        output: &mut BytesMut,
        seq: &mut u8,
        columns: bool,
    ) -> Result<(), Malformed> {
        let mut ok = OkPacket::read(packet).ok_or(Malformed("an end of rows"))?;
        self.changes.merge(std::mem::take(&mut ok.changes));
        (self.status, self.warnings) = (ok.status, ok.warnings);
        // A cursor has been opened: its rows are fetched, and its columns' end is all there is.
        if columns && ok.status & status::CURSOR_EXISTS == 0 {
            frame::put(output, seq, &eof(0, ok.status & !status::MORE_RESULTS));
        }
        frame::put(output, seq, &eof(ok.warnings, ok.status));
        self.next = self.after(ok.status);
        Ok(())
    }

    fn after(&mut self, flags: u16) -> Next {
        if flags & status::MORE_RESULTS == 0 {
            return Next::Done;
        }
        // The client has a whole result.
        self.started = true;
        Next::Head
    }
}

#[cfg(test)]
mod tests;
