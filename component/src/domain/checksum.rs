//! A task's checksum: the first 8 bytes of SHA-256 over its content, in hexadecimal.
//!
//! The encoding of the content is unambiguous: fields in the contract's order, numbers in 8 bytes
//! (little-endian), texts and lists with their length first, options with a byte 0 or 1 first. The
//! id is left out: it never changes, and the checksum is needed before the id is assigned.

use sha2::{Digest, Sha256};

use crate::contract::Datetime;
use crate::contract::tasks::Task;
use crate::domain::timestamp;

/// Increment this when the encoding changes, so that an old and a new checksum never match.
const ENCODING: &[u8] = b"task/1";
/// The same for [`after_deletion`].
const DELETION: &[u8] = b"deletion/1";
/// The same for [`after_restoration`].
const RESTORATION: &[u8] = b"restoration/1";

/// Returns the checksum: 16 lower-case hexadecimal digits.
pub fn of(task: &Task) -> String {
    let mut content = Content(Vec::with_capacity(512));
    content.0.extend_from_slice(ENCODING);
    content.text(&task.title);
    content.option(task.description.as_deref(), Content::text);
    content.number(task.status as u64);
    content.number(task.priority as u64);
    content.number(task.category as u64);
    content.option(task.assignee.as_deref(), Content::text);
    content.option(task.estimated_hours, Content::real);
    content.option(task.actual_hours, Content::real);
    content.number(task.tags.len() as u64);
    for tag in &task.tags {
        content.text(tag);
    }
    content.number(task.dependencies.len() as u64);
    for dependency in &task.dependencies {
        content.number(*dependency as u64);
    }
    for time in [
        task.due_at,
        Some(task.created_at),
        task.updated_at,
        task.completed_at,
    ] {
        content.option(time.map(timestamp::micros), |content, micros| {
            content.number(micros as u64);
        });
    }

    content.digits()
}

/// Returns the checksum of a task after one of its dependencies was deleted: it follows from the
/// previous checksum and the deletion. Computing it from the content would mean to read all texts of
/// all tasks that depended on the deleted one, and there can be thousands.
pub fn after_deletion(checksum: &str, dependency: i64, now: Datetime) -> String {
    after(DELETION, checksum, dependency, now)
}

/// Returns the checksum of a task that depends again on a task that was restored.
pub fn after_restoration(checksum: &str, dependency: i64, now: Datetime) -> String {
    after(RESTORATION, checksum, dependency, now)
}

fn after(what: &[u8], checksum: &str, dependency: i64, now: Datetime) -> String {
    let mut content = Content(Vec::with_capacity(64));
    content.0.extend_from_slice(what);
    content.text(checksum);
    content.number(dependency as u64);
    content.number(timestamp::micros(now) as u64);
    content.digits()
}

struct Content(Vec<u8>);

impl Content {
    fn digits(&self) -> String {
        let digest = Sha256::digest(&self.0);
        let digits = digest[..8].iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits
            .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
            .collect()
    }

    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn real(&mut self, number: f64) {
        // Adding zero turns -0.0 into 0.0. A database may return either for the other.
        self.number((number + 0.0).to_bits());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn option<T>(&mut self, value: Option<T>, write: impl Fn(&mut Self, T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::tasks::{Category, Priority, Status};

    fn task() -> Task {
        Task {
            id: 1,
            title: "Write the parser".into(),
            description: Some("By hand".into()),
            status: Status::Pending,
            priority: Priority::High,
            category: Category::Development,
            assignee: None,
            estimated_hours: Some(0.0),
            actual_hours: None,
            tags: vec!["api".into(), "db".into()],
            dependencies: vec![2, 3],
            due_at: None,
            created_at: Datetime {
                seconds: 1_772_323_200,
                nanoseconds: 0,
            },
            updated_at: None,
            completed_at: None,
            checksum: String::new(),
        }
    }

    #[test]
    fn the_checksum_of_a_task_never_changes() {
        assert_eq!(of(&task()), "1183ee74e45a1fca");
    }

    #[test]
    fn the_id_and_the_sign_of_zero_do_not_change_the_checksum() {
        let other = Task {
            id: 7,
            estimated_hours: Some(-0.0),
            ..task()
        };
        assert_eq!(of(&other), of(&task()));
    }

    #[test]
    fn every_other_field_changes_the_checksum() {
        let other_time = Datetime {
            seconds: 1_772_323_200,
            nanoseconds: 1_000,
        };
        let base = task();
        let variants = [
            Task {
                title: "Write the parse".into(),
                ..base.clone()
            },
            Task {
                description: None,
                ..base.clone()
            },
            Task {
                description: Some(String::new()),
                ..base.clone()
            },
            Task {
                status: Status::Blocked,
                ..base.clone()
            },
            Task {
                priority: Priority::Low,
                ..base.clone()
            },
            Task {
                category: Category::Feature,
                ..base.clone()
            },
            Task {
                assignee: Some(String::new()),
                ..base.clone()
            },
            Task {
                estimated_hours: None,
                ..base.clone()
            },
            Task {
                actual_hours: Some(0.0),
                ..base.clone()
            },
            Task {
                tags: vec!["apidb".into()],
                ..base.clone()
            },
            Task {
                tags: vec!["ap".into(), "idb".into()],
                ..base.clone()
            },
            Task {
                dependencies: vec![3, 2],
                ..base.clone()
            },
            Task {
                due_at: Some(other_time),
                ..base.clone()
            },
            Task {
                created_at: other_time,
                ..base.clone()
            },
            Task {
                updated_at: Some(other_time),
                ..base.clone()
            },
            Task {
                completed_at: Some(other_time),
                ..base.clone()
            },
        ];
        let mut seen = vec![of(&base)];
        for variant in &variants {
            let checksum = of(variant);
            assert!(!seen.contains(&checksum), "{variant:?}");
            seen.push(checksum);
        }
    }
}
