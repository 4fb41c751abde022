//! Against HTTP/1.1: clients that read or write slowly, that do nothing, or that send what is no request.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testkit::client::{Answer, Request};

use super::{Attack, Logic};
use crate::target::{Tally, Target};

/// The pause between two bytes of a slow client.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a client waits for a connection or an answer.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Time within which the host closes a slow connection: twice its limit for heads and bodies.
const CLOSED_WITHIN: Duration = Duration::from_secs(2);

pub fn attacks() -> Vec<Attack> {
    vec![
        Attack::new(
            "slow-readers",
            "300 connections ask for lists of 1000 large tasks and read nothing",
            "a budget of unsent bytes for the process and each connection; `--write-timeout`",
            Logic::Tasks,
            slow_readers,
        )
        .lasting(3),
        Attack::new(
            "slow-heads",
            "300 connections send the head of a request byte by byte (slowloris)",
            "`--header-timeout`, here 1 s",
            Logic::Tasks,
            |target| trickle(target, "GET /tasks HTTP/1.1\r\nhost: x\r\nx-slow: "),
        )
        .with(|settings| settings.flag("--header-timeout", "1s")),
        Attack::new(
            "slow-bodies",
            "300 connections send the body of a request byte by byte",
            "`--body-timeout`, here 1 s",
            Logic::Tasks,
            |target| trickle(target, "POST /tasks HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n"),
        )
        .with(|settings| settings.flag("--body-timeout", "1s")),
        Attack::new(
            "idle-connections",
            "6000 connections that send nothing, to a host that may open 4096 descriptors and starts with 1024",
            "`--max-connections` below the limit of descriptors; a reserve for operators, database and compiler",
            Logic::Tasks,
            idle_connections,
        )
        .lasting(2),
        Attack::new(
            "malformed-requests",
            "heads and bodies that RFC 9112 does not allow, on 16 connections at once",
            "each is answered by 4xx, 501 or 505, or the connection is closed; none is served",
            Logic::Tasks,
            malformed,
        ),
    ]
}

fn slow_readers(target: &Target) -> Result<String> {
    let tally = Tally::default();
    let open = Mutex::new(Vec::new());
    target.crowd(10, |_| {
        let mut own = 0;
        while own < 30 && !target.over() {
            let request = Request::new(target.api, "GET", "/tasks?limit=1000");
            let mut begun = [0; 12];
            let answering =
                request
                    .kept_alive()
                    .patience(PATIENCE)
                    .open()
                    .and_then(|mut stream| {
                        stream.read_exact(&mut begun)?;
                        Ok(stream)
                    });
            match answering {
                Ok(stream) if begun.ends_with(b"200") => {
                    open.lock().expect("no attacker panics").push(stream);
                    own += 1;
                }
                _ => tally.count("refused"),
            }
        }
    });
    let open = open.into_inner().expect("no attacker panics");
    let held = open.len();
    let closed = target.hold(open);
    let refused = tally.of("refused");
    Ok(format!(
        "{held} answers begun, {closed} cut by the host, {refused} refused"
    ))
}

/// Sends the beginning of a request, then one byte at a time.
fn trickle(target: &Target, beginning: &str) -> Result<String> {
    let mut open = Vec::new();
    for _ in 0..300 {
        let mut stream = target.connect()?;
        stream.write_all(beginning.as_bytes())?;
        open.push(stream);
    }
    // On a busy machine the last one may be opened when the attack is nearly over.
    let opened = Instant::now();
    while !target.over() || opened.elapsed() < CLOSED_WITHIN {
        for stream in &mut open {
            // A closed connection is counted at the end.
            let _ = stream.write_all(b"x");
        }
        thread::park_timeout(PAUSE);
    }
    let (all, closed) = (open.len(), target.hold(open));
    ensure!(
        closed == all,
        "{closed} of {all} slow connections were closed"
    );
    Ok(format!("{closed} of {all} connections closed by the host"))
}

fn idle_connections(target: &Target) -> Result<String> {
    let open = Mutex::new(Vec::new());
    target.crowd(8, |_| {
        // When the queue of the kernel is full, nobody accepts.
        let mut own = 0;
        while own < 750 && !target.over() {
            if let Ok(stream) = TcpStream::connect_timeout(&target.api, PATIENCE) {
                open.lock().expect("no attacker panics").push(stream);
                own += 1;
            }
        }
    });
    let open = open.into_inner().expect("no attacker panics");
    let all = open.len();
    let closed = target.hold(open);
    Ok(format!("{all} connections, {closed} closed by the host"))
}

/// Requests that no server may serve.
fn malformed_requests() -> Vec<Vec<u8>> {
    const BODY: &str = "{\"title\": \"Smuggled\", \"category\": \"testing\"}";
    let length = BODY.len();
    let post = |headers: &str, body: &str| {
        format!("POST /tasks HTTP/1.1\r\ncontent-type: application/json\r\n{headers}\r\n{body}")
    };
    let with = |headers: &str| post(&format!("host: x\r\n{headers}"), BODY);
    let get = |rest: &str| format!("GET /tasks/1 HTTP/1.1\r\n{rest}\r\n");
    let chunked = |coding: &str, body: &str| {
        post(&format!("host: x\r\ntransfer-encoding: {coding}\r\n"), body)
    };
    let chunk = format!("{length:x}\r\n{BODY}\r\n0\r\n\r\n");
    let mut requests = vec![
        get(""),
        get("host: x\r\nhost: x\r\n"),
        get("host: x\r\nhost: y\r\n"),
        get("host: a b\r\n"),
        get("host: x/y\r\n"),
        get("host: user@x\r\n"),
        get("host: x\r\nname with spaces: y\r\n"),
        get("host: x\r\nspace-before-colon : y\r\n"),
        get("host: x\r\n folded: y\r\n"),
        get("host: x\r\nx-zero: a\0b\r\n"),
        get("host: x\r\nno-colon\r\n"),
        get("host: x\r\n: no name\r\n"),
        "GET /tasks/1 HTTP/1.1\nhost: x\n\n".to_owned(),
        "GET /tasks/1 HTTP/1.1\r\nhost: x\n\r\n".to_owned(),
        "GET /tasks/1 HTTP/9.9\r\nhost: x\r\n\r\n".to_owned(),
        "GET /tasks/1 HTTP/1.1 more\r\nhost: x\r\n\r\n".to_owned(),
        "GET /tasks/ 1 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "GET  /tasks/1 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "G\x01T /tasks/1 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "GET tasks/1 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(100_000)),
        get(&format!("host: x\r\nx-large: {}\r\n", "a".repeat(100_000))),
        get(&format!("host: x\r\n{}", "x-many: y\r\n".repeat(5000))),
        with(&format!(
            "content-length: {length}\r\ncontent-length: {}\r\n",
            length + 1
        )),
        with(&format!("content-length: {length}, {}\r\n", length + 1)),
        with("content-length: -1\r\n"),
        with(&format!("content-length: +{length}\r\n")),
        with(&format!("content-length: 0x{length:x}\r\n")),
        with("content-length: 18446744073709551615\r\n"),
        with("content-length: 99999999999999999999999\r\n"),
        chunked("gzip, chunked", &chunk),
        chunked("chunked, chunked", &chunk),
        chunked("chunked, gzip", &chunk),
        chunked("identity", &chunk),
        chunked("chunked", &format!("zz\r\n{BODY}\r\n0\r\n\r\n")),
        chunked("chunked", &format!("-5\r\n{BODY}\r\n0\r\n\r\n")),
        chunked(
            "chunked",
            &format!("fffffffffffffffff\r\n{BODY}\r\n0\r\n\r\n"),
        ),
        chunked(
            "chunked",
            &format!("{length:x}\r\n{BODY}no end\r\n0\r\n\r\n"),
        ),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect::<Vec<_>>();
    requests.push(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(40));
    requests.push(vec![0; 4096]);
    requests
}

fn malformed(target: &Target) -> Result<String> {
    let requests = malformed_requests();
    let tally = Tally::default();
    target.crowd(16, |attacker| {
        for round in 0.. {
            if target.over() {
                break;
            }
            let number = (attacker + round * 16) % requests.len();
            let answer = exchange(target, &requests[number]);
            match answer {
                Some(Answer { status, .. }) if status < 400 || status == 500 => {
                    tally.count(format!("wrong: {status} to number {number}"));
                }
                Some(Answer { status, .. }) => tally.count(format!("{}xx", status / 100)),
                None => tally.count("closed"),
            }
        }
    });
    ensure!(tally.of("wrong") == 0, "{tally}");
    Ok(tally.to_string())
}

/// Sends bytes and closes the sending half, so that the host does not wait for more.
fn exchange(target: &Target, bytes: &[u8]) -> Option<Answer> {
    let mut stream = target.connect().ok()?;
    // A host that refuses a request may not read all of it.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    Answer::read(&mut stream, false).ok()
}
