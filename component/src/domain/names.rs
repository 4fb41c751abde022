//! The cases of the contract's enums: their stored numbers and their names.
//!
//! A case is stored as its index in the contract. Tasks are sorted by that index. Indexes never
//! change: add new cases at the end.

use crate::contract::tasks::{Category, Priority, Status};

/// Every status with its JSON name.
pub const STATUSES: [(Status, &str); 5] = [
    (Status::Pending, "pending"),
    (Status::InProgress, "in_progress"),
    (Status::Completed, "completed"),
    (Status::Blocked, "blocked"),
    (Status::Cancelled, "cancelled"),
];

/// Every priority with its JSON name.
pub const PRIORITIES: [(Priority, &str); 4] = [
    (Priority::Low, "low"),
    (Priority::Medium, "medium"),
    (Priority::High, "high"),
    (Priority::Critical, "critical"),
];

/// Every category with its JSON name.
pub const CATEGORIES: [(Category, &str); 6] = [
    (Category::Development, "development"),
    (Category::Testing, "testing"),
    (Category::Documentation, "documentation"),
    (Category::Deployment, "deployment"),
    (Category::Bugfix, "bugfix"),
    (Category::Feature, "feature"),
];

/// Returns the case with a stored index, or `None` if no case has this index.
pub fn case_at<T: Copy>(cases: &[(T, &str)], index: i64) -> Option<T> {
    let index = usize::try_from(index).ok()?;
    cases.get(index).map(|(case, _)| *case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_listed_at_its_index() {
        for (index, (status, _)) in STATUSES.iter().enumerate() {
            assert_eq!(*status as usize, index);
        }
        for (index, (priority, _)) in PRIORITIES.iter().enumerate() {
            assert_eq!(*priority as usize, index);
        }
        for (index, (category, _)) in CATEGORIES.iter().enumerate() {
            assert_eq!(*category as usize, index);
        }
    }

    #[test]
    fn an_index_without_a_case_is_none() {
        assert_eq!(case_at(&STATUSES, -1), None);
        assert_eq!(case_at(&STATUSES, 5), None);
        assert_eq!(case_at(&STATUSES, 4), Some(Status::Cancelled));
    }
}
