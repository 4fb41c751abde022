//! A decoder of server-sent events (HTML standard, section 9.2), limited to what the admin API
//! and `/mcp` use: the fields `id` and `data`. Everything else in a stream (comments, `retry`, `event`) is
//! ignored.
//!
//! Bytes may arrive in chunks of any size. A message is complete after the empty line that follows
//! it.

/// Maximum length of a message in bytes, far above any event.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct Message {
    /// The value for `Last-Event-ID` to resume after this message.
    pub(in crate::cli) id: Option<String>,
    /// The lines of data, joined by line feeds.
    pub(in crate::cli) data: String,
}

/// A message exceeds [`MAX_MESSAGE_BYTES`]: the bytes are probably not a stream of events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a message is longer than {MAX_MESSAGE_BYTES} bytes")]
pub(in crate::cli) struct MessageTooLong;

/// Decodes bytes into messages.
#[derive(Debug, Default)]
pub(in crate::cli) struct Decoder {
    /// The incomplete line.
    line: Vec<u8>,
    /// The incomplete message.
    message: Message,
    /// Whether the last byte was a carriage return. A line feed after it does not end another line.
    after_return: bool,
}

impl Decoder {
    /// Adds bytes and returns the messages that they complete.
    pub(in crate::cli) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Message>, MessageTooLong> {
        let mut complete = Vec::new();
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => complete.extend(self.end_line()),
                _ => self.line.push(byte),
            }
            if self.line.len() + self.message.data.len() > MAX_MESSAGE_BYTES {
                return Err(MessageTooLong);
            }
        }
        Ok(complete)
    }

    /// Processes the current line, and returns the message if the line ends one.
    fn end_line(&mut self) -> Option<Message> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            // The standard ignores a message without data, even if it has an id.
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
    fn messages_have_an_id_and_data_and_everything_else_is_ignored() {
        let decoded = Decoder::default().feed(STREAM.as_bytes()).unwrap();
        assert_eq!(decoded, [message("0", "{\"a\":1}"), message("1", "x\ny")]);
    }

    #[test]
    fn chunk_sizes_and_line_endings_make_no_difference() {
        let expected = Decoder::default().feed(STREAM.as_bytes()).unwrap();
        for end in ["\n", "\r\n", "\r"] {
            let stream = STREAM.replace('\n', end);
            for size in [1, 2, 3, 7] {
                let mut decoder = Decoder::default();
                let chunks = stream.as_bytes().chunks(size);
                let decoded: Vec<Message> = chunks
                    .flat_map(|chunk| decoder.feed(chunk).unwrap())
                    .collect();
                assert_eq!(decoded, expected, "{end:?} {size}");
            }
        }
    }

    #[test]
    fn an_incomplete_message_is_ignored() {
        let decoded = Decoder::default().feed(b"id: 0\ndata: {}\n").unwrap();
        assert_eq!(decoded, []);
    }

    #[test]
    fn a_stream_without_line_endings_is_an_error() {
        let endless = vec![b'x'; MAX_MESSAGE_BYTES + 1];
        assert_eq!(Decoder::default().feed(&endless), Err(MessageTooLong));
    }
}
