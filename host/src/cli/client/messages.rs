//! Server-sent events (the HTML standard, 9.2), as far as the admin API uses them: `id` and
//! `data`. Everything else in a stream (comments, `retry`, `event`) is passed over.
//!
//! Bytes come in pieces of any size; a message counts only when the empty line after it came.

/// The longest message that is taken, in bytes: far above any event.
const LONGEST: usize = 1 << 20;

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// Where to resume after it.
    pub(super) id: Option<String>,
    /// Its lines, joined by line feeds.
    pub(super) data: String,
}

/// A stream that is not one of events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a message is longer than {LONGEST} bytes")]
pub(super) struct TooLong;

/// Reads messages out of bytes.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The line that is not complete yet.
    line: Vec<u8>,
    /// The message that is not complete yet.
    message: Message,
    /// Whether the last byte was a carriage return: a line feed after it ends no further line.
    after_return: bool,
}

impl Messages {
    /// The messages that these bytes complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Message>, TooLong> {
        let mut complete = Vec::new();
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => complete.extend(self.end_line()),
                _ => self.line.push(byte),
            }
            if self.line.len() + self.message.data.len() > LONGEST {
                return Err(TooLong);
            }
        }
        Ok(complete)
    }

    /// Takes the line in, and returns the message if the line ends one.
    fn end_line(&mut self) -> Option<Message> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            // Without data there is no message, whatever its id.
            return (!message.data.is_empty()).then_some(message);
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.message.id = Some(value.to_owned()),
            "data" => {
                if !self.message.data.is_empty() {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, data: &str) -> Message {
        Message {
            id: Some(id.to_owned()),
            data: data.to_owned(),
        }
    }

    const STREAM: &str =
        "retry: 1000\n\nid: 0\ndata: {\"a\":1}\n\n: still running\n\nid:1\ndata: x\ndata: y\n\n";

    #[test]
    fn messages_come_with_their_id_and_data_and_nothing_else_does() {
        let taken = Messages::default().take(STREAM.as_bytes()).unwrap();
        assert_eq!(taken, [message("0", "{\"a\":1}"), message("1", "x\ny")]);
    }

    #[test]
    fn it_does_not_matter_how_bytes_are_cut_nor_how_lines_end() {
        let expected = Messages::default().take(STREAM.as_bytes()).unwrap();
        for end in ["\n", "\r\n", "\r"] {
            let stream = STREAM.replace('\n', end);
            for size in [1, 2, 3, 7] {
                let mut messages = Messages::default();
                let pieces = stream.as_bytes().chunks(size);
                let taken: Vec<Message> = pieces
                    .flat_map(|piece| messages.take(piece).unwrap())
                    .collect();
                assert_eq!(taken, expected, "{end:?} {size}");
            }
        }
    }

    #[test]
    fn a_message_that_was_cut_off_does_not_count() {
        let taken = Messages::default().take(b"id: 0\ndata: {}\n").unwrap();
        assert_eq!(taken, []);
    }

    #[test]
    fn a_stream_without_end_of_line_is_given_up() {
        let endless = vec![b'x'; LONGEST + 1];
        assert_eq!(Messages::default().take(&endless), Err(TooLong));
    }
}
