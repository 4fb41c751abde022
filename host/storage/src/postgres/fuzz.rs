//! Fuzz targets for the reader of the logic's SQL, which stands between a component and the server.
//!
//! `cargo test` runs each target on its corpus (`__fuzz__`) and on random inputs. `cargo xtask fuzz` searches with
//! coverage feedback.

use bolero::check;

use super::policy::{migration, statement};

/// A text is one statement in the same way for a request and for a migration, and nothing that follows can change
/// what was checked.
#[test]
fn any_statement_is_accepted_whole_or_refused() {
    check!().for_each(|input: &[u8]| {
        let Ok(text) = std::str::from_utf8(input) else {
            return;
        };
        let Ok(shape) = statement(text) else {
            return;
        };
        assert!(shape.parameters.is_sorted_by(|a, b| a < b));
        assert!(shape.parameters.first() != Some(&0));
        let pieces = migration(text).expect("a statement that may be in a migration");
        assert_eq!(pieces.len(), 1);
        assert_eq!(statement(pieces[0]).as_ref(), Ok(&shape));

        // If a literal or a comment were still open here, the server would see other statements than were checked.
        assert!(statement(&format!("{text}\n; select 1")).is_err());
        assert!(statement(&format!("{text}\n; drop table notes")).is_err());
        assert!(statement(&format!("{text}\n union select pg_sleep(1)")).is_err());
        assert_eq!(statement(&format!("{text}\n; -- end")).as_ref(), Ok(&shape));
    });
}

/// The pieces of a migration are in the text, in order, and each is accepted on its own as one piece.
#[test]
fn any_migration_is_split_into_its_statements_or_refused() {
    check!().for_each(|input: &[u8]| {
        let Ok(text) = std::str::from_utf8(input) else {
            return;
        };
        let Ok(pieces) = migration(text) else {
            return;
        };
        let mut rest = text;
        for piece in pieces {
            let at = rest.find(piece).expect("a piece of the text, in order");
            rest = &rest[at + piece.len()..];
            assert_eq!(migration(piece), Ok(vec![piece]));
        }
    });
}
