//! The recording of a call: what it asked the host for, and what it got.
//!
//! The logic is deterministic. Its result is a function of its arguments, the results of its
//! statements, the clock and the seed of its random numbers, and the host sees all four. So:
//!
//! - A call whose statements would have the same results would have the same result, unless it asked
//!   for the clock or for random numbers. To prove that, **digests** of the results are enough.
//! - With the **results**, the clock and the seed, the call can run again anywhere, without the
//!   database.

use std::sync::Arc;
use std::time::Duration;

use storage::{Event, Failure, Found, Recorded, Rows, Value};

/// Maximum size of the statements, results and events that one call records, in bytes. The memory of a
/// request does not include them.
const MAX_BYTES: usize = 1 << 20;

/// How much of a call is recorded. By default nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Record {
    /// The statements with a digest of each result.
    pub digests: bool,
    /// The statements with their results, and the events: what is needed to run the call again. The
    /// log lines are in [`Call::lines`](crate::Call::lines).
    pub results: bool,
    /// The names of the columns of each result.
    pub columns: bool,
}

/// What a call asked the host for. The caller adds the arguments, the log lines and the result, which it
/// knows.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The statements that ran, in order.
    pub statements: Vec<Asked>,
    /// How many statements and events were left out at the end, because the recording was too large.
    pub left_out: usize,
    /// The time that the call's clock showed, since the Unix epoch.
    pub now: Duration,
    /// The seed of the call's random numbers. `None`: it asked for none.
    pub seed: Option<[u8; 32]>,
    /// The events that the call published, in order.
    pub events: Vec<Event>,
    /// Whether the call asked for the time.
    pub clock: bool,
    /// Whether the call wrote log lines, to the log or to an output.
    pub log: bool,
    record: Record,
    /// The size of everything so far.
    bytes: usize,
}

/// A statement of a call.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The statement's text.
    pub statement: Arc<str>,
    /// Its parameters.
    pub params: Arc<[Value]>,
    /// A digest of its result. `None`: none was ordered, or the statement did not succeed.
    pub digest: Option<Found>,
    /// Its result.
    pub result: Heard,
    /// The names of the result's columns, if they were ordered and are known.
    pub columns: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// What a statement returned.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// The result was not to be kept.
    NotKept,
    /// Rows.
    Rows(Rows),
    /// The number of rows that changed.
    Changed(u64),
    /// A failure, which the logic was told.
    Failed(Failure),
    /// Nothing: the call was ended.
    Ended(storage::Error),
}

/// What a statement returned, while the call still uses it.
pub(super) enum Answered<'a> {
    Rows(&'a Rows),
    Changed(u64),
    Failed(&'a Failure),
    Ended(&'a storage::Error),
}

impl Recording {
    /// Makes the recording of a call that is about to begin. `None` if nothing is to be recorded.
    pub(super) fn begin(record: Record, now: Duration) -> Option<Box<Self>> {
        (record.digests || record.results).then(|| {
            Box::new(Recording {
                now,
                record,
                ..Recording::default()
            })
        })
    }

    /// Forgets what the call has asked for. It begins again.
    pub(super) fn begin_again(&mut self) {
        *self = Recording {
            now: self.now,
            record: self.record,
            ..Recording::default()
        };
    }

    /// Returns the statements with the digests of their results, if the call's result depends on nothing
    /// but arguments and statements, and the call left no trace. Then its answer holds while its
    /// statements have these results.
    pub fn proof(&self) -> Option<Vec<Recorded>> {
        if self.left_out > 0 || self.clock || self.seed.is_some() || self.log {
            return None;
        }
        let statements = self.statements.iter().map(|asked| {
            Some(Recorded {
                statement: asked.statement.clone(),
                params: asked.params.clone(),
                result: asked.digest?,
            })
        });
        statements.collect()
    }

    /// Returns how much memory the recording takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.bytes
    }

    /// Whether the names of columns are to be recorded.
    pub(super) fn wants_columns(&self) -> bool {
        self.record.columns
    }

    /// Adds a statement, unless the recording is too large.
    pub(super) fn add(
        &mut self,
        statement: String,
        params: Vec<Value>,
        took: Duration,
        answered: &Answered<'_>,
        columns: Vec<String>,
    ) {
        let size = size_of::<Asked>() + statement.len() + params_bytes(&params);
        let result = match self.record.results {
            true => answered.bytes(),
            false => 0,
        };
        if !self.takes(size + result) {
            return;
        }
        self.statements.push(Asked {
            statement: statement.into(),
            params: params.into(),
            digest: match self.record.digests {
                true => answered.digest(),
                false => None,
            },
            result: match self.record.results {
                true => answered.heard(),
                false => Heard::NotKept,
            },
            columns,
            took,
        });
    }

    /// Adds an event, unless the recording is too large.
    pub(super) fn publish(&mut self, event: &Event) {
        if self.record.results && self.takes(size_of::<Event>() + event.size_bytes()) {
            self.events.push(event.clone());
        }
    }

    /// Charges what is to be added. What comes after something that was left out is left out, too.
    fn takes(&mut self, bytes: usize) -> bool {
        if self.left_out > 0 || self.bytes + bytes > MAX_BYTES {
            self.left_out += 1;
            return false;
        }
        self.bytes += bytes;
        true
    }
}

fn params_bytes(params: &[Value]) -> usize {
    let owned = params.iter().map(|param| match param {
        Value::Text(text) => text.capacity(),
        Value::Blob(bytes) => bytes.capacity(),
        _ => 0,
    });
    size_of_val(params) + owned.sum::<usize>()
}

impl Answered<'_> {
    /// The size of a copy.
    fn bytes(&self) -> usize {
        match self {
            Answered::Rows(rows) => rows.heap.len() + size_of_val(&*rows.cells),
            Answered::Changed(_) => 0,
            Answered::Failed(failure) => {
                failure.detail.len() + failure.constraint.as_ref().map_or(0, String::len)
            }
            Answered::Ended(_) => 0,
        }
    }

    fn digest(&self) -> Option<Found> {
        match self {
            Answered::Rows(rows) => Some(Found::rows(rows)),
            Answered::Changed(count) => Some(Found::Changed(*count)),
            Answered::Failed(_) | Answered::Ended(_) => None,
        }
    }

    fn heard(&self) -> Heard {
        match *self {
            Answered::Rows(rows) => Heard::Rows(rows.clone()),
            Answered::Changed(count) => Heard::Changed(count),
            Answered::Failed(failure) => Heard::Failed(failure.clone()),
            Answered::Ended(error) => Heard::Ended(error.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Recording {
        let record = Record {
            digests: true,
            results: true,
            columns: false,
        };
        *Recording::begin(record, Duration::ZERO).expect("something is recorded")
    }

    fn ask(recording: &mut Recording, statement: &str, heap_bytes: usize) {
        let rows = Rows {
            heap: vec![0; heap_bytes],
            ..Rows::default()
        };
        let answered = Answered::Rows(&rows);
        recording.add(
            statement.to_owned(),
            Vec::new(),
            Duration::ZERO,
            &answered,
            Vec::new(),
        );
    }

    #[test]
    fn a_recording_ends_where_it_would_be_too_large_and_then_proves_nothing() {
        let mut recording = whole();
        ask(&mut recording, "a", 10);
        assert_eq!(recording.proof().map(|proof| proof.len()), Some(1));
        ask(&mut recording, "b", MAX_BYTES);
        ask(&mut recording, "c", 10);
        let texts: Vec<&str> = recording
            .statements
            .iter()
            .map(|asked| &*asked.statement)
            .collect();
        assert_eq!(texts, ["a"]);
        assert_eq!(recording.left_out, 2);
        assert_eq!(recording.proof(), None);
        assert!(recording.memory_bytes() < 1000);
    }

    #[test]
    fn a_call_that_asked_for_more_than_statements_proves_nothing() {
        let with = |change: fn(&mut Recording)| {
            let mut recording = whole();
            change(&mut recording);
            recording.proof()
        };
        assert_eq!(with(|_| {}), Some(Vec::new()));
        assert_eq!(with(|recording| recording.clock = true), None);
        assert_eq!(with(|recording| recording.log = true), None);
        assert_eq!(with(|recording| recording.seed = Some([0; 32])), None);
        assert_eq!(
            with(|recording| {
                let failure = storage::Error::Deadline;
                let answered = Answered::Ended(&failure);
                let (statement, params) = ("x".to_owned(), Vec::new());
                recording.add(statement, params, Duration::ZERO, &answered, Vec::new());
            }),
            None
        );
    }
}
