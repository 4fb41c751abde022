//! A written value is read back unchanged, for arbitrary types and values.

use proptest::prelude::*;
use wasmtime::component::Val;

use super::arbitrary::{any_type, any_value};
use super::support::unlimited;
use crate::Type;
use crate::read::{self, FieldErrors, Place};
use crate::{json, write};

fn type_and_value() -> impl Strategy<Value = (Type, Val)> {
    any_type().prop_flat_map(|ty| {
        let value = any_value(&ty);
        (Just(ty), value)
    })
}

proptest! {
    #[test]
    fn a_written_value_is_read_back((ty, value) in type_and_value()) {
        let mut out = unlimited();
        prop_assert_eq!(write::value(&mut out, &ty, &value), Ok(()));
        let text = out.finish().unwrap();
        // Another parser accepts this as JSON.
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok());
        let mut errors = FieldErrors::new(usize::MAX, false);
        let json = json::parse(&text).unwrap();
        let read = read::value(&ty, None, json, Place::Body, &mut errors);
        prop_assert_eq!(errors.list, vec![]);
        prop_assert_eq!(read, Some(value));
    }

    #[test]
    fn any_json_is_read_or_rejected(ty in any_type(), (_, other) in type_and_value()) {
        let mut out = unlimited();
        let mut errors = FieldErrors::new(usize::MAX, false);
        // Most likely JSON of another type.
        if write::value(&mut out, &ty, &other).is_ok() {
            let text = out.finish().unwrap();
            let json = json::parse(&text).unwrap();
            let read = read::value(&ty, None, json, Place::Body, &mut errors);
            prop_assert_eq!(read.is_none(), !errors.list.is_empty());
        }
    }
}
