//! The places and names of the contract's enums.
//!
//! A case is stored as its place in the contract, which is also its place when tasks are
//! sorted. Places never change; new cases are added at the end.

use crate::contract::tasks::{Category, Priority, Status};

/// Every status with its name in figures.
pub const STATUSES: [(Status, &str); 5] = [
    (Status::Pending, "pending"),
    (Status::InProgress, "in_progress"),
    (Status::Completed, "completed"),
    (Status::Blocked, "blocked"),
    (Status::Cancelled, "cancelled"),
];

/// Every priority with its name in figures.
pub const PRIORITIES: [(Priority, &str); 4] = [
    (Priority::Low, "low"),
    (Priority::Medium, "medium"),
    (Priority::High, "high"),
    (Priority::Critical, "critical"),
];

/// Every category with its name in figures.
pub const CATEGORIES: [(Category, &str); 6] = [
    (Category::Development, "development"),
    (Category::Testing, "testing"),
    (Category::Documentation, "documentation"),
    (Category::Deployment, "deployment"),
    (Category::Bugfix, "bugfix"),
    (Category::Feature, "feature"),
];

/// The case at a stored place, or none where the place is not one.
pub fn at<T: Copy>(cases: &[(T, &str)], place: i64) -> Option<T> {
    let place = usize::try_from(place).ok()?;
    cases.get(place).map(|(case, _)| *case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_stands_at_its_place() {
        for (place, (status, _)) in STATUSES.iter().enumerate() {
            assert_eq!(*status as usize, place);
        }
        for (place, (priority, _)) in PRIORITIES.iter().enumerate() {
            assert_eq!(*priority as usize, place);
        }
        for (place, (category, _)) in CATEGORIES.iter().enumerate() {
            assert_eq!(*category as usize, place);
        }
    }

    #[test]
    fn a_place_outside_the_cases_is_none() {
        assert_eq!(at(&STATUSES, -1), None);
        assert_eq!(at(&STATUSES, 5), None);
        assert_eq!(at(&STATUSES, 4), Some(Status::Cancelled));
    }
}
