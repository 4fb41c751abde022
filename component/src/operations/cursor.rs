//! Cursors: positions in a sorted list, as text that is safe in a URL.
//!
//! A cursor such as `cd-65f0c2e1-65f0c2e1-2a` holds one letter for the sort key, one for the
//! direction, and the position in hexadecimal. It is opaque to clients. The two letters allow the
//! service to reject a cursor from a list in another order.

use crate::contract::tasks::{Direction, SortKey};
use crate::store::list::{Order, Position};

/// Returns the cursor for a position in a list of this order.
pub fn write(position: Position, order: Order) -> String {
    let Position {
        value,
        created_at,
        id,
    } = position;
    format!("{}-{value:x}-{created_at:x}-{id:x}", letters(order))
}

/// Reads a cursor that [`write()`] returned for a list of this order. Returns `None` for any other
/// text.
pub fn read(cursor: &str, order: Order) -> Option<Position> {
    let mut parts = cursor
        .strip_prefix(letters(order))?
        .strip_prefix('-')?
        .split('-');
    let mut number = || i64::from_str_radix(parts.next()?, 16).ok();
    let position = Position {
        value: number()?,
        created_at: number()?,
        id: number()?,
    };
    let rewritten = write(position, order);
    (rewritten == cursor).then_some(position)
}

fn letters(order: Order) -> &'static str {
    match (order.key, order.direction) {
        (SortKey::CreatedAt, Direction::Asc) => "ca",
        (SortKey::CreatedAt, Direction::Desc) => "cd",
        (SortKey::UpdatedAt, Direction::Asc) => "ua",
        (SortKey::UpdatedAt, Direction::Desc) => "ud",
        (SortKey::Priority, Direction::Asc) => "pa",
        (SortKey::Priority, Direction::Desc) => "pd",
        (SortKey::Status, Direction::Asc) => "sa",
        (SortKey::Status, Direction::Desc) => "sd",
        (SortKey::DueAt, Direction::Asc) => "da",
        (SortKey::DueAt, Direction::Desc) => "dd",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSITION: Position = Position {
        value: 2,
        created_at: 1_772_323_200_000_000,
        id: 42,
    };

    const ORDER: Order = Order {
        key: SortKey::Priority,
        direction: Direction::Desc,
    };

    #[test]
    fn a_cursor_is_read_back_to_its_position() {
        let cursor = write(POSITION, ORDER);
        assert_eq!(cursor, "pd-2-64beb26c36000-2a");
        assert_eq!(read(&cursor, ORDER), Some(POSITION));
    }

    #[test]
    fn a_damaged_cursor_and_one_of_another_list_are_rejected() {
        let cursor = write(POSITION, ORDER);
        let direction = Direction::Asc;
        assert_eq!(read(&cursor, Order { direction, ..ORDER }), None);
        let key = SortKey::Status;
        assert_eq!(read(&cursor, Order { key, ..ORDER }), None);
        for damaged in [
            "",
            "pd",
            "pd-2-3",
            "pd-2-3-4-5",
            "pd-2-3-+4",
            "pd-2-3-04",
            "pd-x-3-4",
        ] {
            assert_eq!(read(damaged, ORDER), None, "{damaged}");
        }
    }
}
