//! A task in contract 1's shape.

use crate::contract::simple_tasks::{SimplePriority, SimpleTask};
use crate::contract::tasks::{Priority, Status, Task};
use crate::domain::moment;

/// Writes a task in this shape.
pub fn task(task: Task) -> SimpleTask {
    SimpleTask {
        id: task.id.to_string(),
        title: task.title,
        description: task.description.unwrap_or_default(),
        priority: read_priority(task.priority),
        completed: task.status == Status::Completed,
        created_at: moment::minute(task.created_at),
        updated_at: moment::minute(task.updated_at.unwrap_or(task.created_at)),
    }
}

/// What a priority reads as: this contract knows no `critical`.
pub fn read_priority(priority: Priority) -> SimplePriority {
    match priority {
        Priority::Low => SimplePriority::Low,
        Priority::Medium => SimplePriority::Medium,
        Priority::High | Priority::Critical => SimplePriority::High,
    }
}

/// What a priority of this contract is stored as.
pub fn priority(priority: SimplePriority) -> Priority {
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
    fn critical_reads_as_high_and_every_other_priority_as_itself() {
        assert_eq!(read_priority(Priority::Critical), SimplePriority::High);
        for simple in [
            SimplePriority::Low,
            SimplePriority::Medium,
            SimplePriority::High,
        ] {
            assert_eq!(read_priority(priority(simple)), simple);
        }
    }
}
