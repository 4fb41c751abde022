//! What ends an attempt to answer: a conflict may be tried again, a refusal may not.

use crate::Refusal;
use runtime::Interruption;
use storage::Error;

/// What ended an attempt to answer.
pub(super) enum Ended {
    /// Another transaction was in the way: it may be run again.
    Conflict,
    Refused(Refusal),
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Ended::Refused(refusal)
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        match error {
            Error::Conflict => Ended::Conflict,
            other => Ended::Refused(other.into()),
        }
    }
}

impl From<Interruption> for Ended {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Database(error) => error.into(),
            Interruption::Fault(fault) => Ended::Refused(fault.into()),
        }
    }
}
