//! Tests over real sockets on the loopback interface.

mod frames;
mod http2;
mod strict;
mod unread;

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::fake::{Fake, config};

/// The longest wait for anything that should happen at once.
const SOON: Duration = Duration::from_secs(10);

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    hurry: oneshot::Sender<()>,
    served: JoinHandle<Drained>,
    readiness: Readiness,
}

async fn start(fake: &Arc<Fake>, flags: &[&str]) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = fake.server(flags);
    let readiness = server.readiness();
    let limits = Limits::from(&config(flags));
    start_with(listener, server.public(), limits, readiness, address)
}

fn start_with(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    readiness: Readiness,
    address: SocketAddr,
) -> Running {
    let ((stop, stopped), (hurry, hurried)) = (oneshot::channel(), oneshot::channel::<()>());
    let shutdown = async move { drop(stopped.await) };
    let hurried = async move {
        if hurried.await.is_err() {
            pending().await
        }
    };
    let served = tokio::spawn(serve(
        listener,
        router,
        limits,
        readiness.clone(),
        None,
        shutdown,
        hurried,
    ));
    Running {
        address,
        stop,
        hurry,
        served,
        readiness,
    }
}

async fn connect(address: SocketAddr, send: &str) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(send.as_bytes()).await.unwrap();
    client
}

/// Everything until the connection is closed.
async fn rest(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(SOON, client.read_to_end(&mut bytes)).await;
    // A reset is also an end.
    let _ = read.expect("the connection stays open");
    String::from_utf8(bytes).unwrap()
}

/// One answer whose body is `[]`.
async fn one_answer(client: &mut TcpStream) -> String {
    let mut text = String::new();
    while !text.ends_with("[]") {
        let mut buffer = [0; 4096];
        let count = timeout(SOON, client.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert_ne!(count, 0, "closed after {text}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    text
}

#[tokio::test]
async fn a_head_that_does_not_end_closes_the_connection() {
    let running = start(&Fake::new(), &["--header-timeout", "50ms"]).await;
    for head in [
        "",
        "GET /things HTT",
        "POST /things HTTP/1.1\r\nhost: x\r\nx-slow:",
    ] {
        assert_eq!(
            rest(&mut connect(running.address, head).await).await,
            "",
            "{head}"
        );
    }
}

#[tokio::test]
async fn a_second_head_that_does_not_end_closes_the_connection() {
    let running = start(&Fake::new(), &["--header-timeout", "50ms"]).await;
    let mut client = connect(running.address, "GET /things HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(one_answer(&mut client).await.starts_with("HTTP/1.1 200 OK"));
    client.write_all(b"GET /ta").await.unwrap();
    assert_eq!(rest(&mut client).await, "");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_header_timeout() {
    let flags = ["--header-timeout", "40ms", "--idle-timeout", "400ms"];
    let running = start(&Fake::new(), &flags).await;
    let mut client = connect(running.address, "GET /things HTTP/1.1\r\nhost: x\r\n\r\n").await;
    one_answer(&mut client).await;
    let idle = std::time::Instant::now();
    assert_eq!(rest(&mut client).await, "");
    assert!(
        idle.elapsed() >= Duration::from_millis(350),
        "{:?}",
        idle.elapsed()
    );
}

#[tokio::test]
async fn a_head_above_the_limit_is_431() {
    let running = start(&Fake::new(), &["--max-header-bytes", "8KiB"]).await;
    let head = format!(
        "GET /things HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
        "x".repeat(9000)
    );
    let answer = rest(&mut connect(running.address, &head).await).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_disconnected() {
    let large = format!("\"{}\"", "x".repeat(32 << 20));
    let fake = Fake::answers(crate::fake::answer(large));
    let running = start(&fake, &["--write-timeout", "50ms"]).await;
    let mut client = connect(running.address, "GET /things HTTP/1.1\r\nhost: x\r\n\r\n").await;
    running.stop.send(()).unwrap();
    // Nothing is read until the host gives up.
    let drained = timeout(SOON, running.served).await.unwrap().unwrap();
    assert_eq!(drained.connections_cut, 0);
    assert!(rest(&mut client).await.len() < 32 << 20);
}

#[tokio::test]
async fn a_drain_finishes_requests_in_flight_and_accepts_no_connections() {
    let fake = Fake::new();
    let running = start(&fake, &[]).await;
    let mut idle = connect(running.address, "GET /things HTTP/1.1\r\nhost: x\r\n\r\n").await;
    one_answer(&mut idle).await;
    let mut client = connect(running.address, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    fake.begun.notified().await;
    running.stop.send(()).unwrap();
    assert_eq!(
        rest(&mut idle).await,
        "",
        "an idle connection is closed at once"
    );
    assert!(running.readiness.withdrawn());
    assert!(TcpStream::connect(running.address).await.is_err());
    assert!(!running.served.is_finished());
    fake.release.notify_one();
    let answer = rest(&mut client).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("[]"),
        "{answer}"
    );
    assert_eq!(
        running.served.await.unwrap(),
        Drained { connections_cut: 0 }
    );
}

#[tokio::test]
async fn a_drain_closes_connections_that_do_not_end() {
    let fake = Fake::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits {
        drain_timeout: Duration::from_millis(20),
        ..Limits::from(&config(&[]))
    };
    let running = start_with(
        listener,
        fake.router(),
        limits,
        Readiness::default(),
        address,
    );
    let mut client = connect(running.address, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    fake.begun.notified().await;
    running.stop.send(()).unwrap();
    assert_eq!(
        running.served.await.unwrap(),
        Drained { connections_cut: 1 }
    );
    assert_eq!(rest(&mut client).await, "");
}

#[tokio::test]
async fn a_hurried_drain_waits_neither_for_the_delay_nor_for_requests_in_flight() {
    for delay in ["0s", "1h"] {
        let fake = Fake::new();
        let running = start(&fake, &["--drain-delay", delay, "--drain-timeout", "1h"]).await;
        let ask = "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n";
        let mut client = connect(running.address, ask).await;
        fake.begun.notified().await;
        running.stop.send(()).unwrap();
        while !running.readiness.withdrawn() {
            tokio::task::yield_now().await;
        }
        assert!(!running.served.is_finished());
        running.hurry.send(()).unwrap();
        let drained = timeout(SOON, running.served).await.unwrap().unwrap();
        assert_eq!(drained, Drained { connections_cut: 1 });
        assert_eq!(rest(&mut client).await, "");
    }
}

#[tokio::test]
async fn during_the_drain_delay_requests_are_still_served() {
    let running = start(&Fake::new(), &["--drain-delay", "1h"]).await;
    running.stop.send(()).unwrap();
    let ask = "GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    while !running.readiness.withdrawn() {
        tokio::task::yield_now().await;
    }
    let answer = rest(&mut connect(running.address, ask).await).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let ask = ask.replace("readyz", "things");
    let answer = rest(&mut connect(running.address, &ask).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    running.served.abort();
}

#[tokio::test]
async fn after_the_drain_delay_the_host_is_closed_while_it_finishes_requests() {
    let fake = Fake::new();
    let running = start(&fake, &["--drain-delay", "0s", "--drain-timeout", "1h"]).await;
    let slow = connect(running.address, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    fake.begun.notified().await;
    assert!(!running.readiness.closed());
    running.stop.send(()).unwrap();
    while !running.readiness.closed() {
        tokio::task::yield_now().await;
    }
    assert!(TcpStream::connect(running.address).await.is_err());
    assert!(!running.served.is_finished());
    running.served.abort();
    drop(slow);
}

#[tokio::test]
async fn during_the_drain_delay_a_connection_ends_with_its_next_answer() {
    let running = start(&Fake::new(), &["--drain-delay", "1h"]).await;
    let ask = "GET /things HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut client = connect(running.address, ask).await;
    let before = one_answer(&mut client).await;
    assert!(!before.contains("connection: close"), "{before}");
    running.stop.send(()).unwrap();
    while !running.readiness.withdrawn() {
        tokio::task::yield_now().await;
    }
    client.write_all(ask.as_bytes()).await.unwrap();
    let last = rest(&mut client).await;
    assert!(last.starts_with("HTTP/1.1 200 "), "{last}");
    assert!(last.contains("connection: close"), "{last}");
    running.served.abort();
}

#[tokio::test]
async fn connections_above_the_limit_wait() {
    let running = start(&Fake::new(), &["--max-connections", "1"]).await;
    let ask = "GET /things HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut first = connect(running.address, ask).await;
    one_answer(&mut first).await;
    let mut second = connect(running.address, ask).await;
    let mut byte = [0];
    let early = timeout(Duration::from_millis(50), second.read(&mut byte)).await;
    assert!(early.is_err(), "answered in addition to the first");
    drop(first);
    assert!(one_answer(&mut second).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_client_that_disconnects_cancels_its_request() {
    let fake = Fake::new();
    let server = fake.server(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits::from(&config(&[]));
    let running = start_with(
        listener,
        server.public(),
        limits,
        server.readiness(),
        address,
    );
    let client = connect(running.address, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    fake.begun.notified().await;
    drop(client);
    let counted = async {
        let given_up = "http_response_status_code=\"499\"";
        let text = || {
            server
                .app
                .metrics
                .render(telemetry::metrics::Format::Prometheus)
        };
        while !text().contains(given_up) {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, counted).await.unwrap();
}

#[tokio::test]
async fn the_admin_port_answers_while_no_worker_does() {
    let fake = Fake::new();
    let server = fake.server(&[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits::from(&config(&[]));
    let port = crate::operators::OperatorsPort::serve(listener, server.operators(), limits);
    let port = port.unwrap();
    // The runtime of this test has one thread, which is blocked here: no worker answers.
    let ask = |path: &str| {
        use std::io::{Read, Write};
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(SOON)).unwrap();
        write!(
            client,
            "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask("/metrics").starts_with("HTTP/1.1 200 "));
    let livez = ask("/livez");
    assert!(livez.starts_with("HTTP/1.1 503 "), "{livez}");
    assert!(livez.ends_with("no worker thread answered\"}"), "{livez}");
    let drained = tokio::task::spawn_blocking(|| port.stop()).await.unwrap();
    assert_eq!(drained, Drained { connections_cut: 0 });
}
