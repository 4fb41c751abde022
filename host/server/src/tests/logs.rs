//! What the log says about a request, and what it does not say.

use std::io;
use std::sync::{Arc, Mutex};

use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

use crate::fake::{Fake, send};
use request::Fault;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}

/// The log lines at `info` and above while one request is answered.
async fn logged(fake: Arc<Fake>, line: &str, body: &'static str) -> String {
    logged_while(async {
        send(&fake.router(), line, &[("x-request-id", "r1")], body).await;
    })
    .await
}

/// The log lines of this thread at `info` and above until the work is done.
pub(crate) async fn logged_while(work: impl Future<Output = ()>) -> String {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::INFO)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    let _default = tracing::subscriber::set_default(subscriber);
    work.await;
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_request_is_one_line_with_its_template_and_without_its_content() {
    let log = logged(
        Fake::new(),
        "PUT /things/4711?q=private",
        "{\"title\":\"private\"}",
    )
    .await;
    assert_eq!(log.lines().count(), 1, "{log}");
    for part in [
        "request.id=r1",
        "http.route=\"/things/{id}\"",
        "PUT /things/{id} 200",
        "duration_ms=",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(!log.contains("private") && !log.contains("4711"), "{log}");
}

#[tokio::test]
async fn successful_probes_are_not_logged() {
    assert_eq!(logged(Fake::new(), "GET /livez", "").await, "");
}

#[tokio::test]
async fn a_trap_is_in_the_log_and_not_in_the_answer() {
    let fake = Fake::fails(Fault::Trap("unreachable at things.rs:7".into()));
    let log = logged(fake, "GET /things", "").await;
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(
        log.contains("ERROR") && log.contains("unreachable at things.rs:7"),
        "{log}"
    );
    assert!(log.contains("fault.kind=\"logic-trapped\""), "{log}");
}
