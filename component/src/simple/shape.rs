//! Converts between tasks and their shape in contract 1.

use crate::contract::simple_tasks::{SimplePriority, SimpleTask};
use crate::contract::tasks::{Priority, Status, Task};
use crate::domain::timestamp;
use crate::operations::TextSize;

/// Converts a task to the shape of contract 1.
pub fn to_simple(task: Task) -> SimpleTask {
    SimpleTask {
        id: task.id.to_string(),
        title: task.title,
        description: task.description.unwrap_or_default(),
        priority: to_simple_priority(task.priority),
        completed: task.status == Status::Completed,
        created_at: timestamp::minute(task.created_at),
        updated_at: timestamp::minute(task.updated_at.unwrap_or(task.created_at)),
    }
}

/// Returns an upper bound for the size of a task of this contract as JSON, given one for its texts.
pub fn size(task: &Task, text_size: TextSize) -> usize {
    // Names, punctuation, the id and times.
    const REST: usize = 180;
    REST + text_size(&task.title) + task.description.as_deref().map_or(0, text_size)
}

/// Returns the priority in contract 1, which has no `critical`.
pub fn to_simple_priority(priority: Priority) -> SimplePriority {
    match priority {
        Priority::Low => SimplePriority::Low,
        Priority::Medium => SimplePriority::Medium,
        Priority::High | Priority::Critical => SimplePriority::High,
    }
}

/// Returns the priority to store for a priority of contract 1.
pub fn from_simple_priority(priority: SimplePriority) -> Priority {
    match priority {
        SimplePriority::Low => Priority::Low,
        SimplePriority::Medium => Priority::Medium,
        SimplePriority::High => Priority::High,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn critical_becomes_high_and_every_other_priority_stays_the_same() {
        assert_eq!(to_simple_priority(Priority::Critical), SimplePriority::High);
        for simple in [
            SimplePriority::Low,
            SimplePriority::Medium,
            SimplePriority::High,
        ] {
            assert_eq!(to_simple_priority(from_simple_priority(simple)), simple);
        }
    }
}
