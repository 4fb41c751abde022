//! Over a real socket, from the thread of the admin port: the stream of events, and an upload that is
//! too large.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Readiness;
use crate::admin::Access;
use crate::admin::fake::{FakeAdmin, event};
use crate::fake::{Fake, config};
use crate::listen::Limits;
use crate::operators::OperatorsPort;
use contract::deployment::{EventStatus, Stage};

const SOON: Duration = Duration::from_secs(10);

struct Running {
    address: SocketAddr,
    readiness: Readiness,
    port: OperatorsPort,
}

fn start(fake: &Arc<FakeAdmin>, flags: &[&str]) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Fake::new()
        .server(flags)
        .with_admin(fake.clone(), Access::Loopback);
    let limits = Limits::from(&config(flags));
    Running {
        address,
        readiness: server.readiness(),
        port: OperatorsPort::serve(listener, server.operators(), limits).unwrap(),
    }
}

struct Client(TcpStream, String);

impl Client {
    async fn send(running: &Running, line: &str, headers: &str) -> Client {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let host = running.address;
        let head = format!("{line} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        Client(stream, String::new())
    }

    /// Everything so far, once that text is there.
    async fn until(&mut self, text: &str) -> &str {
        while !self.1.contains(text) {
            let mut buffer = [0; 4096];
            let read = timeout(SOON, self.0.read(&mut buffer)).await;
            let count = read.expect("nothing came").unwrap();
            assert_ne!(count, 0, "closed without {text}: {}", self.1);
            self.1
                .push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        &self.1
    }
}

/// How HTTP/1.1 ends a body of unknown length.
const END: &str = "\r\n0\r\n\r\n";

#[tokio::test]
async fn events_arrive_as_they_happen_until_the_last() {
    let fake = FakeAdmin::new();
    let running = start(&fake, &[]);
    let mut client = Client::send(&running, "GET /admin/deployments/7/events", "").await;
    let text = client.until("\"verify\"").await;
    assert!(
        text.contains("content-type: text/event-stream\r\n"),
        "{text}"
    );
    assert!(text.contains("\nretry: 1000\n\n"), "{text}");
    let data = serde_json::to_string(&event(0, Stage::Verify, EventStatus::Began)).unwrap();
    assert!(text.contains(&format!("id: 0\ndata: {data}\n\n")), "{text}");
    fake.happen
        .send(event(1, Stage::Switch, EventStatus::Passed))
        .unwrap();
    let text = client.until("\"switch\"").await;
    assert!(!text.contains("\"end\"") && !text.contains(END), "{text}");
    fake.happen
        .send(event(2, Stage::End, EventStatus::Noted))
        .unwrap();
    let text = client.until(END).await;
    let ids: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("id: "))
        .collect();
    assert_eq!(ids, ["id: 0", "id: 1", "id: 2"]);
}

#[tokio::test]
async fn a_client_that_reconnects_gets_the_events_that_it_missed_and_then_204() {
    let fake = FakeAdmin::new();
    *fake.past.lock().unwrap() = vec![
        event(0, Stage::Verify, EventStatus::Began),
        event(1, Stage::Verify, EventStatus::Passed),
        event(2, Stage::End, EventStatus::Noted),
    ];
    fake.happen
        .send(event(3, Stage::End, EventStatus::Noted))
        .unwrap();
    let running = start(&fake, &[]);
    let line = "GET /admin/deployments/7/events";
    let mut client = Client::send(&running, line, "last-event-id: 1\r\n").await;
    let text = client.until(END).await;
    assert!(
        text.contains("id: 2\n") && !text.contains("id: 1\n"),
        "{text}"
    );
    for (last, status) in [
        ("2", "204 No Content"),
        ("17", "204 No Content"),
        ("x", "400 Bad Request"),
        ("", "200 OK"),
    ] {
        let header = format!("last-event-id: {last}\r\n");
        let mut client = Client::send(&running, line, &header).await;
        let text = client.until("\r\n\r\n").await;
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status}")),
            "{last}: {text}"
        );
    }
}

#[tokio::test]
async fn a_stream_ends_when_the_host_drains() {
    let fake = FakeAdmin::new();
    let running = start(&fake, &["--drain-timeout", "60s"]);
    let mut client = Client::send(&running, "GET /admin/deployments/7/events", "").await;
    client.until("\"verify\"").await;
    running.readiness.withdraw();
    client.until(END).await;
    let stopping = tokio::task::spawn_blocking(move || running.port.stop());
    let drained = timeout(SOON, stopping).await.unwrap().unwrap();
    assert_eq!(drained.connections_cut, 0);
}

#[tokio::test]
async fn a_component_whose_declared_length_is_too_large_is_never_sent() {
    let fake = FakeAdmin::new();
    let running = start(&fake, &["--component-limit", "1KiB"]);
    let headers = "content-type: application/wasm\r\ncontent-length: 1025\r\n\
                   expect: 100-continue\r\n";
    let mut client = Client::send(&running, "POST /admin/components", headers).await;
    let text = client.until("component-too-large").await;
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    assert!(!text.contains("100 Continue"), "{text}");
    let chunked = "content-type: application/wasm\r\ntransfer-encoding: chunked\r\n";
    let mut client = Client::send(&running, "POST /admin/components", chunked).await;
    let chunk = format!("300\r\n{}\r\n", "x".repeat(0x300));
    client
        .0
        .write_all(chunk.repeat(2).as_bytes())
        .await
        .unwrap();
    let text = client.until("component-too-large").await;
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    assert_eq!(fake.asked(), [""; 0]);
}
