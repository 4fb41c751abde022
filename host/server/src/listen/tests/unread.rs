//! Clients that do not read their answers, or send their bodies slowly.

use super::*;
use crate::fake::answer;
use telemetry::metrics::Format;

const LIMIT: usize = 1 << 20;

/// An answer of a quarter of the budget.
fn large() -> String {
    format!("\"{}\"", "x".repeat(LIMIT / 4 - 2))
}

/// A port with a budget of [`LIMIT`], and its metrics.
async fn start_small(fake: &Arc<Fake>, flags: &[&str]) -> (Running, Arc<Metrics>) {
    let small = [
        "--buffer-limit",
        "1MiB",
        "--connection-buffer-limit",
        "1MiB",
    ];
    let flags = [&small[..], flags].concat();
    let server = fake.server(&flags);
    let metrics = server.app.metrics.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits::from(&config(&flags));
    let ((stop, stopped), (hurry, hurried)) = (oneshot::channel(), oneshot::channel::<()>());
    let readiness = server.readiness();
    let served = tokio::spawn(serve(
        listener,
        server.public(),
        limits,
        readiness.clone(),
        Some(metrics.clone()),
        async move { drop(stopped.await) },
        async move { drop(hurried.await) },
    ));
    let running = Running {
        address,
        stop,
        hurry,
        served,
        readiness,
    };
    (running, metrics)
}

fn value(metrics: &Metrics, name: &str) -> usize {
    let text = metrics.render(Format::Prometheus);
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

fn buffered(metrics: &Metrics) -> usize {
    value(metrics, "task_host_buffered_bytes ")
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let poll = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, poll)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// An HTTP/2 client whose window for each stream is zero, and that many requests.
pub(super) fn without_window(requests: u32) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    for request in 0..requests {
        // GET, http, /things, :authority x
        let head = [&[0x82, 0x86, 0x04, 7][..], b"/things", &[0x01, 1], b"x"].concat();
        bytes.extend(frame(1, 5, 2 * request + 1, &head));
    }
    bytes
}

const ASK: &str = "GET /things HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn answers_that_http_2_clients_do_not_read_stay_within_the_budget() {
    let (running, metrics) = start_small(&Fake::answers(answer(large())), &[]).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = connect(running.address, "").await;
        client.write_all(&without_window(32)).await.unwrap();
        clients.push(client);
        let name = "http_server_request_duration_seconds_count";
        let ended = clients.len() * 32;
        until("every request is answered", || {
            let text = metrics.render(Format::Prometheus);
            let counts = text.lines().filter(|line| line.starts_with(name));
            let counts = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
            counts.sum::<usize>() >= ended
        })
        .await;
        // The problems of the requests that were refused are small.
        assert!(
            buffered(&metrics) <= LIMIT + LIMIT / 8,
            "{}",
            buffered(&metrics)
        );
    }
    assert!(
        value(
            &metrics,
            "task_host_limits_hit_total{kind=\"buffered-bytes\"} "
        ) > 0
    );
    // The others make room for a client that reads.
    let answer = rest(&mut connect(running.address, ASK).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer:.300}");
    assert!(answer.ends_with(&large()));
}

#[tokio::test]
async fn pings_do_not_keep_a_client_that_reads_nothing() {
    let flags = ["--write-timeout", "200ms"];
    let (running, metrics) = start_small(&Fake::answers(answer(large())), &flags).await;
    let mut client = connect(running.address, "").await;
    client.write_all(&without_window(1)).await.unwrap();
    until("an answer waits", || buffered(&metrics) > 0).await;
    let pings = async {
        let mut byte = [0; 1024];
        for sent in 0.. {
            let mut ping = frame(6, 0, 0, b"12345678");
            // A window of one byte at a time is no progress either.
            if sent < 1000 {
                ping.extend(frame(8, 0, 1, &[0, 0, 0, 1]));
            }
            let sent = client.write_all(&ping).await;
            if sent.is_err() || matches!(client.read(&mut byte).await, Ok(0) | Err(_)) {
                return;
            }
        }
    };
    timeout(SOON, pings)
        .await
        .expect("the connection is closed");
    until("the answer is freed", || buffered(&metrics) == 0).await;
    let hit = "task_host_limits_hit_total{kind=\"write-timeout\"} ";
    assert_eq!(value(&metrics, hit), 1);
}

#[tokio::test]
async fn answers_that_http_1_clients_do_not_read_stay_within_the_budget() {
    // Larger than what the kernel keeps for a connection.
    let large = format!("\"{}\"", "x".repeat(3 * LIMIT / 4));
    let (running, metrics) = start_small(&Fake::answers(answer(large.clone())), &[]).await;
    let mut clients = Vec::new();
    for _ in 0..6 {
        let client = connect(running.address, &ASK.replace("close", "keep-alive")).await;
        clients.push(client);
    }
    until("an answer waits", || buffered(&metrics) > 0).await;
    assert!(buffered(&metrics) <= LIMIT, "{}", buffered(&metrics));
    // A client is refused as long as the others may still be reading.
    let served = async {
        loop {
            let answer = rest(&mut connect(running.address, ASK).await).await;
            if answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with(&large) {
                return;
            }
            assert!(answer.contains("too-many-buffered-bytes"), "{answer:.300}");
            assert!(answer.contains("retry-after: 5"), "{answer:.300}");
        }
    };
    timeout(SOON, served).await.unwrap();
    assert!(buffered(&metrics) <= LIMIT, "{}", buffered(&metrics));
}

#[tokio::test]
async fn bodies_that_do_not_arrive_stay_within_the_budget() {
    let (running, metrics) = start_small(&Fake::new(), &[]).await;
    let part = "x".repeat(LIMIT / 2);
    let head = format!("POST /things HTTP/1.1\r\nhost: x\r\ncontent-length: {LIMIT}\r\n\r\n{part}");
    let mut clients = Vec::new();
    for _ in 0..6 {
        let mut client = TcpStream::connect(running.address).await.unwrap();
        // A client that was refused cannot send everything.
        let _ = client.write_all(head.as_bytes()).await;
        clients.push(client);
        assert!(buffered(&metrics) <= LIMIT, "{}", buffered(&metrics));
    }
    let ask =
        "POST /things HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    let answer = rest(&mut connect(running.address, ask).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn what_is_read_is_freed() {
    let (running, metrics) = start_small(&Fake::answers(answer(large())), &[]).await;
    for coding in ["", "accept-encoding: gzip\r\n"] {
        let ask = ASK.replace("host", &format!("{coding}host"));
        let mut client = connect(running.address, &ask).await;
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).await.unwrap();
        assert!(bytes.starts_with(b"HTTP/1.1 200 OK"));
        until("everything is freed", || buffered(&metrics) == 0).await;
    }
}

#[tokio::test]
async fn the_connection_that_was_idle_the_longest_makes_room_for_another_one() {
    let running = start(&Fake::new(), &["--max-connections", "2"]).await;
    let ask = "GET /things HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut idle = connect(running.address, ask).await;
    one_answer(&mut idle).await;
    let mut silent = connect(running.address, "").await;
    let mut third = connect(running.address, ask).await;
    assert!(one_answer(&mut third).await.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(rest(&mut idle).await, "");
    let mut fourth = connect(running.address, ask).await;
    assert!(one_answer(&mut fourth).await.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(rest(&mut silent).await, "");
}
