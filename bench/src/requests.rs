//! Writes the requests of a workload for the load generators.
//!
//! wrk reads them one after the other from a single file, in a pseudorandom order that is the same in
//! every run. oha sends one method and one body, so it reads a file for each kind of request.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::random::Random;
use crate::seed;
use crate::workload::{Body, RequestKind, Workload};

/// Number of requests in a file: enough for different ids, and a multiple of 100 for the shares.
const COUNT: u32 = 1000;

impl RequestKind {
    /// Returns the path for a task.
    pub fn path(&self, id: u64) -> String {
        self.path.replace("{id}", &id.to_string())
    }

    /// Returns the body, which is always the same.
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

    /// Returns paths for random tasks, one per line, each after a prefix.
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

/// Writes a workload's requests for wrk and returns the file. A line has method, path and body,
/// separated by tabs.
///
/// # Errors
/// If the file cannot be written.
pub fn write_all(folder: &Path, workload: &Workload) -> Result<PathBuf> {
    let mut random = Random::new(1);
    let mut lines: Vec<String> = Vec::new();
    for request in workload.requests {
        let body = request.body();
        for _ in 0..request.share * COUNT / 100 {
            let path = request.path(any(workload.named_tasks(), &mut random));
            lines.push(format!("{}\t{path}\t{body}\n", request.method));
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

/// Writes the URLs of one kind of request for oha, one per line.
///
/// # Errors
/// If the file cannot be written.
pub fn write_urls(
    file: &Path,
    request: &RequestKind,
    tasks: usize,
    server: SocketAddr,
) -> Result<()> {
    let urls = request.paths(&format!("http://{server}"), tasks, &mut Random::new(2));
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
    fn each_kind_of_request_has_its_share() {
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
        for request in WORKLOADS.iter().flat_map(|load| load.requests) {
            if request.body != Body::None {
                let body: Value = serde_json::from_str(&request.body()).unwrap();
                let title = body["title"].as_str().map(str::len);
                assert_eq!(
                    request.body == Body::Unfit,
                    title.is_some_and(|length| length < 3)
                );
            }
        }
    }

    #[test]
    fn a_path_without_an_id_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("urls.txt");
        let server = "127.0.0.1:1".parse().unwrap();
        let list = WORKLOADS
            .iter()
            .find(|load| load.key == "list_100")
            .unwrap();
        write_urls(&file, &list.requests[0], 10, server).unwrap();
        let urls = fs::read_to_string(&file).unwrap();
        assert_eq!(urls, "http://127.0.0.1:1/tasks?limit=100\n");
        write_urls(&file, &WORKLOADS[0].requests[0], 10, server).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1000);
    }
}
