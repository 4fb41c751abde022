//! The workloads that the servers are measured with, in a table.

use crate::kind::Kind;

/// Number of tasks in the database at the start of each round, unless a workload says otherwise.
pub const TASKS: usize = 1000;

/// A workload.
#[derive(Debug, Clone, Copy)]
pub struct Workload {
    /// The key on the command line and in the JSON.
    pub key: &'static str,
    /// The title in tables.
    pub title: &'static str,
    /// The kinds of requests.
    pub requests: &'static [RequestKind],
    /// Number of connections, each with one request at a time.
    pub connections: u32,
    /// Number of tasks in the database at the start of each round.
    pub tasks: usize,
    /// Whether every answer must be a refusal. Otherwise a refusal fails the run.
    pub refused: bool,
    /// Whether the host keeps no answers, so that its logic runs for each request.
    pub cold: bool,
    /// The servers to measure, the host first.
    pub servers: &'static [Kind],
    /// Whether it is measured by default.
    pub usual: bool,
}

/// A kind of request, and its share of the workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestKind {
    /// The share in percent.
    pub share: u32,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, in which `{id}` stands for the id of any task.
    pub path: &'static str,
    /// The body.
    pub body: Body,
}

/// The body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    None,
    /// A new task, with every member that clients commonly send.
    Task,
    /// 100 new tasks.
    Tasks,
    /// A change to a task.
    Change,
    /// A new task that the rules refuse: its title is too short.
    Unfit,
}

impl Workload {
    /// Returns the number of tasks that its requests name. Reads repeat 200 different requests.
    pub fn named_tasks(&self) -> usize {
        match self.writes() {
            true => self.tasks,
            false => self.tasks.min(200),
        }
    }

    /// Whether its answers wait for the disk.
    pub fn writes(&self) -> bool {
        !self.refused && self.requests.iter().any(|request| request.method != "GET")
    }
}

const fn whole(method: &'static str, path: &'static str, body: Body) -> RequestKind {
    part(100, method, path, body)
}

const fn part(share: u32, method: &'static str, path: &'static str, body: Body) -> RequestKind {
    RequestKind {
        share,
        method,
        path,
        body,
    }
}

const GET_ONE: &[RequestKind] = &[whole("GET", "/tasks/{id}", Body::None)];
const LIST_20: &str = "/tasks?status=pending&assignee=person-3&limit=20";
const LIST_OF_20: &[RequestKind] = &[whole("GET", LIST_20, Body::None)];
const LIST_OF_100: &[RequestKind] = &[whole("GET", "/tasks?limit=100", Body::None)];
const PRODUCTIVITY: &[RequestKind] = &[whole("GET", "/tasks/analytics/productivity", Body::None)];
const CREATE: &[RequestKind] = &[whole("POST", "/tasks", Body::Task)];
const OWN: &[Kind] = &[Kind::Host, Kind::Twin];
const ALL: &[Kind] = &[Kind::Host, Kind::Twin, Kind::FastApi, Kind::Flask];

const USUAL: Workload = Workload {
    key: "",
    title: "",
    requests: GET_ONE,
    connections: 64,
    tasks: TASKS,
    refused: false,
    cold: false,
    servers: OWN,
    usual: true,
};
const UNUSUAL: Workload = Workload {
    usual: false,
    ..USUAL
};

/// All workloads, in the order in which they are measured.
pub const WORKLOADS: [Workload; 19] = [
    Workload {
        key: "get_one",
        title: "GET one task, repeated, 64 connections",
        // An answer that is kept is not recorded, so this shows what sampling costs.
        servers: &[
            Kind::Host,
            Kind::Twin,
            Kind::HostWithoutRecordings,
            Kind::FastApi,
            Kind::Flask,
        ],
        ..USUAL
    },
    Workload {
        key: "get_one_cold",
        title: "GET one task, cold, 64 connections",
        cold: true,
        ..USUAL
    },
    Workload {
        key: "get_one_1",
        title: "GET one task, 1 connection",
        connections: 1,
        ..UNUSUAL
    },
    Workload {
        key: "get_one_16",
        title: "GET one task, 16 connections",
        connections: 16,
        ..UNUSUAL
    },
    Workload {
        key: "get_one_256",
        title: "GET one task, 256 connections",
        connections: 256,
        ..UNUSUAL
    },
    Workload {
        key: "list_20",
        title: "GET a list of 20 tasks, by status and assignee, repeated, 64 connections",
        requests: LIST_OF_20,
        servers: ALL,
        ..USUAL
    },
    Workload {
        key: "list_20_cold",
        title: "GET a list of 20 tasks, by status and assignee, cold, 64 connections",
        requests: LIST_OF_20,
        cold: true,
        ..USUAL
    },
    Workload {
        key: "list_100",
        title: "GET a list of 100 tasks, repeated, 64 connections",
        requests: LIST_OF_100,
        servers: ALL,
        ..USUAL
    },
    Workload {
        key: "list_100_cold",
        title: "GET a list of 100 tasks, cold, 64 connections",
        requests: LIST_OF_100,
        cold: true,
        ..USUAL
    },
    Workload {
        key: "statistics",
        title: "GET statistics of 10,000 tasks, with the time, 16 connections",
        // They count what is overdue now, so each answer is run.
        requests: &[whole("GET", "/tasks/stats/summary", Body::None)],
        connections: 16,
        tasks: 10_000,
        ..UNUSUAL
    },
    Workload {
        key: "productivity",
        title: "GET the productivity of 10,000 tasks, repeated, 16 connections",
        requests: PRODUCTIVITY,
        connections: 16,
        tasks: 10_000,
        ..UNUSUAL
    },
    Workload {
        key: "productivity_cold",
        title: "GET the productivity of 10,000 tasks, cold, 16 connections",
        requests: PRODUCTIVITY,
        connections: 16,
        tasks: 10_000,
        cold: true,
        ..UNUSUAL
    },
    Workload {
        key: "create",
        title: "Durable create, 1 connection",
        requests: CREATE,
        connections: 1,
        ..USUAL
    },
    Workload {
        key: "create_64",
        title: "Durable create, 64 connections",
        requests: CREATE,
        servers: &[Kind::Host, Kind::Twin, Kind::HostWithoutSync],
        ..USUAL
    },
    Workload {
        key: "update",
        title: "Durable update, 64 connections",
        requests: &[whole("PUT", "/tasks/{id}", Body::Change)],
        ..UNUSUAL
    },
    Workload {
        key: "bulk_100",
        title: "Durable create of 100 at once, 4 connections",
        requests: &[whole("POST", "/tasks/bulk", Body::Tasks)],
        connections: 4,
        ..UNUSUAL
    },
    Workload {
        key: "mixed",
        title: "Mixed: 40 % one, 40 % list of 20, 10 % create, 10 % update, 64 connections",
        requests: &[
            part(40, "GET", "/tasks/{id}", Body::None),
            part(40, "GET", LIST_20, Body::None),
            part(10, "POST", "/tasks", Body::Task),
            part(10, "PUT", "/tasks/{id}", Body::Change),
        ],
        servers: &[Kind::Host, Kind::Twin, Kind::HostWithoutRecordings],
        ..USUAL
    },
    Workload {
        key: "refused",
        title: "Create refused by the rules, 64 connections",
        requests: &[whole("POST", "/tasks", Body::Unfit)],
        refused: true,
        servers: &[Kind::Host, Kind::Twin, Kind::WasmtimeServe],
        ..USUAL
    },
    Workload {
        key: "refused_1",
        title: "Create refused by the rules, 1 connection",
        requests: &[whole("POST", "/tasks", Body::Unfit)],
        connections: 1,
        refused: true,
        servers: &[Kind::Host, Kind::WasmtimeServe],
        ..UNUSUAL
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_has_a_key_of_its_own_and_shares_of_100() {
        for (number, workload) in WORKLOADS.iter().enumerate() {
            let before = WORKLOADS[..number].iter();
            assert!(before.clone().all(|other| other.key != workload.key));
            assert!(before.clone().all(|other| other.title != workload.title));
            let shares: u32 = workload.requests.iter().map(|request| request.share).sum();
            assert_eq!(shares, 100, "{}", workload.key);
            assert_eq!(workload.servers[0], Kind::Host, "{}", workload.key);
        }
    }
}
