//! What is written reads back: for any type, any value of it.

use proptest::prelude::*;
use wasmtime::component::Val;

use super::arbitrary::{any_type, any_value};
use crate::Type;
use crate::read::{self, Faults, Place};
use crate::{json, write};

fn type_and_value() -> impl Strategy<Value = (Type, Val)> {
    any_type().prop_flat_map(|ty| {
        let value = any_value(&ty);
        (Just(ty), value)
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back((ty, value) in type_and_value()) {
        let mut text = Vec::new();
        prop_assert_eq!(write::value(&mut text, &ty, &value), Ok(()));
        // Another parser's opinion that this is JSON.
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok());
        let mut faults = Faults::default();
        let json = json::parse(&text).unwrap();
        let read = read::value(&ty, json, Place::Body, &mut faults);
        prop_assert_eq!(faults.0, vec![]);
        prop_assert_eq!(read, Some(value));
    }

    #[test]
    fn any_json_is_read_or_refused(ty in any_type(), (_, other) in type_and_value()) {
        let mut text = Vec::new();
        let mut faults = Faults::default();
        // JSON of some other type, most likely.
        if write::value(&mut text, &ty, &other).is_ok() {
            let json = json::parse(&text).unwrap();
            let read = read::value(&ty, json, Place::Body, &mut faults);
            prop_assert_eq!(read.is_none(), !faults.0.is_empty());
        }
    }
}
