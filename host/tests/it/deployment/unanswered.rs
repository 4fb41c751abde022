//! Orders whose answer is lost, and commands that a signal ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use super::{built, command, deploy, other, short_probation};
use crate::harness::run;
use crate::hostile::probe::Probe;

/// Forwards connections to a host. The first request that contains `request` reaches the host, and its
/// answer is lost together with the connection.
fn cutting_proxy(host: SocketAddr, request: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let is_lost = Arc::new(AtomicBool::new(false));
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let server = TcpStream::connect(host).expect("the host listens");
            forward(client, server, request, &is_lost);
        }
    });
    address
}

fn forward(client: TcpStream, server: TcpStream, request: &'static str, is_lost: &Arc<AtomicBool>) {
    let cut = Arc::new(AtomicBool::new(false));
    let (mut from, mut to) = (
        client.try_clone().expect("a socket"),
        server.try_clone().expect("a socket"),
    );
    let (mark, lost) = (cut.clone(), is_lost.clone());
    thread::spawn(move || {
        let mut bytes = [0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]);
            if text.contains(request) && !lost.swap(true, Ordering::SeqCst) {
                mark.store(true, Ordering::SeqCst);
            }
            if to.write_all(&bytes[..length]).is_err() {
                return;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    thread::spawn(move || {
        let (mut from, mut to) = (server, client);
        let mut bytes = [0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            if cut.load(Ordering::SeqCst) || to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}

#[test]
fn a_deployment_whose_answer_is_lost_is_followed_to_its_outcome() {
    for (flags, outcome) in [
        (&[][..], "is active"),
        (&["--dry-run"], "passed every check"),
    ] {
        let host = short_probation().start();
        let proxy = cutting_proxy(host.admin_address, "POST /admin/deployments HTTP/1.1");
        let component = built(&other());
        let line = [&["deploy", component.path()][..], flags].concat();
        let mut deploy = crate::harness::task_host();
        deploy.args(line).args(["--to", &format!("http://{proxy}")]);
        let output = run(deploy);
        assert_eq!(output.code, Some(0), "{output:#?}");
        assert!(
            output.stdout.contains("no answer to the order"),
            "{output:#?}"
        );
        assert!(output.stdout.contains(outcome), "{output:#?}");
    }
}

#[test]
fn a_refusal_whose_answer_is_lost_is_still_a_failure() {
    let host = short_probation().start();
    let proxy = cutting_proxy(host.admin_address, "POST /admin/deployments HTTP/1.1");
    let component = built(&Probe::good().migration("0001-bad", "this is not sql"));
    let mut deploy = crate::harness::task_host();
    deploy.args(["deploy", component.path()]);
    deploy.args(["--to", &format!("http://{proxy}")]);
    let output = run(deploy);
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(output.stderr.contains("was rejected"), "{output:#?}");
}

#[test]
fn a_rollback_and_an_abort_whose_answers_are_lost_take_effect() {
    let host = short_probation().start();
    let component = built(&other());
    super::deploy_successfully(&host, &component, &[]);
    let proxy = cutting_proxy(host.admin_address, "POST /admin/rollback HTTP/1.1");
    let mut rollback = crate::harness::task_host();
    rollback.args(["rollback", "--to", &format!("http://{proxy}")]);
    let output = run(rollback);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(output.stdout.contains("is active"), "{output:#?}");

    let host = Probe::good().setup().flag("--probation", "1h").start();
    super::begin(&host, &["deploy", component.path()], "probation");
    let proxy = cutting_proxy(host.admin_address, "/abort HTTP/1.1");
    let mut abort = crate::harness::task_host();
    abort.args(["abort", "--to", &format!("http://{proxy}")]);
    let output = run(abort);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(
        output.stdout.contains("no answer to the order"),
        "{output:#?}"
    );
}

#[test]
fn a_signal_ends_the_command_and_says_that_the_deployment_goes_on() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let host = Probe::good().setup().flag("--probation", "1h").start();
        let component = built(&other());
        let mut child = command(&host, &["deploy", component.path()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut lines = lines.by_ref().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("… probation")));
        kill_process(Pid::from_child(&child), signal).expect("it runs");
        let output = child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(status), "{stderr}");
        for words in ["goes on without this command", "task-host abort 2"] {
            assert!(stderr.contains(words), "{stderr}");
        }
        let status = super::status(&host);
        assert_eq!(status["deployment"]["outcome"], "running", "{status}");
        let again = deploy(&host, &component, &[]);
        assert_eq!(again.code, Some(1), "{again:#?}");
    }
}
