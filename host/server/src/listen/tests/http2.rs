//! HTTP/2 with prior knowledge.

use std::future::ready;
use std::sync::Mutex;

use futures_util::StreamExt;

use super::*;

#[tokio::test]
async fn http_2_works_with_prior_knowledge() {
    let running = start(&Fake::new(), &[]).await;
    let stream = TcpStream::connect(running.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let ask = |method: &str| {
        let uri = format!("http://{}/things", running.address);
        Request::builder()
            .method(method)
            .uri(uri)
            .body(Body::empty())
            .unwrap()
    };
    let get = sender.send_request(ask("GET")).await.unwrap();
    assert_eq!(
        (get.status().as_u16(), get.version()),
        (200, Version::HTTP_2)
    );
    let head = sender.send_request(ask("HEAD")).await.unwrap();
    assert_eq!(head.headers()["content-length"], "2");
    drop(sender);
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_ends_the_streams_of_http_2() {
    let fake = Fake::new();
    let running = start(&fake, &[]).await;
    let stream = TcpStream::connect(running.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let uri = format!("http://{}/slow", running.address);
    let asked = sender.send_request(Request::get(uri).body(Body::empty()).unwrap());
    let asked = tokio::spawn(asked);
    fake.begun.notified().await;
    running.stop.send(()).unwrap();
    while !running.readiness.withdrawn() {
        tokio::task::yield_now().await;
    }
    fake.release.notify_one();
    assert_eq!(asked.await.unwrap().unwrap().status(), 200);
    timeout(SOON, connection).await.unwrap().unwrap().unwrap();
    assert_eq!(
        running.served.await.unwrap(),
        Drained { connections_cut: 0 }
    );
}

#[tokio::test]
async fn a_stream_over_http_2_outlives_the_idle_timeout() {
    let idle = Duration::from_millis(50);
    let second = futures_util::stream::once(async move {
        sleep(idle * 5).await;
        Ok::<_, Infallible>("second")
    });
    let first = futures_util::stream::iter([Ok("first")]);
    let body = Arc::new(Mutex::new(Some(Body::from_stream(first.chain(second)))));
    let handler = move || ready(body.lock().unwrap().take().unwrap());
    let router = Router::new().route("/", axum::routing::get(handler));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits {
        idle_timeout: idle,
        ..Limits::from(&config(&[]))
    };
    let running = start_with(listener, router, limits, Readiness::default(), address);
    let stream = TcpStream::connect(running.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let uri = format!("http://{}/", running.address);
    let asked = sender.send_request(Request::get(uri).body(Body::empty()).unwrap());
    let body = asked.await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "firstsecond");
    drop(sender);
    connection.await.unwrap().unwrap();
}
