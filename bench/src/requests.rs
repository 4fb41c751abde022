//! The requests of a load, written out for the load generators.
//!
//! wrk takes them one after the other from a file of all, in an order that looks random and is
//! the same every time; oha, which keeps to one method and one body, from a file for each kind.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::random::Random;
use crate::seed;
use crate::workload::{Ask, Body, Workload};

/// Requests in a file: enough that the ids in them differ, and every share of 100 comes out even.
const COUNT: u32 = 1000;

impl Ask {
    /// Its path for some task.
    pub fn path(&self, id: u64) -> String {
        self.path.replace("{id}", &id.to_string())
    }

    /// What it sends: the same each time.
    pub fn body(&self) -> String {
        match self.body {
            Body::None => String::new(),
            Body::Task => seed::draft(seed::OTHER),
            Body::Tasks => seed::drafts(seed::OTHER..seed::OTHER + 100),
            Body::Change => {
                let description = "What is to be done has become clearer since it was written.";
                format!(
                    r#"{{"status":"in_progress","priority":"critical","description":"{description}","actual_hours":1.5}}"#
                )
            }
            Body::Unfit => seed::titled("ab", seed::OTHER),
        }
    }

    /// Paths of which it takes any, one a line, behind what begins them.
    fn paths(&self, before: &str, tasks: usize, random: &mut Random) -> String {
        let mut text = String::new();
        let count = if self.path.contains('{') { COUNT } else { 1 };
        for _ in 0..count {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{before}{}", self.path(any(tasks, random)));
        }
        text
    }
}

/// Writes a load's requests for wrk, one a line: method, path and body, parted by tabs.
///
/// # Errors
/// Where they cannot be written.
pub fn write_all(folder: &Path, workload: &Workload) -> Result<PathBuf> {
    let mut random = Random::new(1);
    let mut lines: Vec<String> = Vec::new();
    for ask in workload.asks {
        let body = ask.body();
        for _ in 0..ask.share * COUNT / 100 {
            let path = ask.path(any(workload.tasks, &mut random));
            lines.push(format!("{}\t{path}\t{body}\n", ask.method));
        }
    }
    for at in (1..lines.len()).rev() {
        let other = random.next() % (at as u64 + 1);
        lines.swap(at, other as usize);
    }
    let file = folder.join("requests.txt");
    fs::write(&file, lines.concat())?;
    Ok(file)
}

/// Writes the URLs of one kind of request for oha, one a line.
///
/// # Errors
/// Where they cannot be written.
pub fn write_urls(file: &Path, ask: &Ask, tasks: usize, server: SocketAddr) -> Result<()> {
    let urls = ask.paths(&format!("http://{server}"), tasks, &mut Random::new(2));
    fs::write(file, urls)?;
    Ok(())
}

fn any(tasks: usize, random: &mut Random) -> u64 {
    random.next() % tasks as u64 + 1
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::workload::WORKLOADS;

    #[test]
    fn the_requests_come_in_their_shares() {
        let folder = tempfile::tempdir().unwrap();
        let mixed = WORKLOADS.iter().find(|load| load.key == "mixed").unwrap();
        let lines = fs::read_to_string(write_all(folder.path(), mixed).unwrap()).unwrap();
        let count = |start: &str| lines.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(count("GET\t/tasks/"), 400);
        assert_eq!(count("GET\t/tasks?"), 400);
        assert_eq!(count("POST\t/tasks\t{"), 100);
        assert_eq!(count("PUT\t/tasks/"), 100);
        assert!(lines.lines().all(|line| line.matches('\t').count() == 2));
    }

    #[test]
    fn every_body_is_json_and_one_title_is_too_short() {
        for ask in WORKLOADS.iter().flat_map(|load| load.asks) {
            if ask.body != Body::None {
                let body: Value = serde_json::from_str(&ask.body()).unwrap();
                let title = body["title"].as_str().map(str::len);
                assert_eq!(
                    ask.body == Body::Unfit,
                    title.is_some_and(|length| length < 3)
                );
            }
        }
    }

    #[test]
    fn one_path_of_many_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("urls.txt");
        let server = "127.0.0.1:1".parse().unwrap();
        let list = WORKLOADS
            .iter()
            .find(|load| load.key == "list_100")
            .unwrap();
        write_urls(&file, &list.asks[0], 10, server).unwrap();
        let urls = fs::read_to_string(&file).unwrap();
        assert_eq!(urls, "http://127.0.0.1:1/tasks?limit=100\n");
        write_urls(&file, &WORKLOADS[0].asks[0], 10, server).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1000);
    }
}
