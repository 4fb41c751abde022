//! A component that exceeds a limit of the compiler is rejected, and requests are not affected.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::thread;

use super::{Built, built_of, deploy, latest, other, revision};
use crate::harness::{eventually, task_host};
use crate::hostile::probe::Probe;

/// A small component that takes a second and half a gigabyte to compile: a service, with another
/// module that has jump tables of 20 000 entries that carry 1000 values each.
fn expensive(service: &Probe) -> Built {
    let (entries, values) = (20_000, 1000);
    // A block of the second type: i64.const 3, …; i32.const 0; br_table 0 …; drop, …
    let block = [
        &b"\x02\x01"[..],
        &b"\x42\x03".repeat(values),
        b"\x41\x00\x0e",
        &leb(entries),
        &vec![0; entries + 1],
        b"\x0b",
        &b"\x1a".repeat(values),
    ];
    let body = [&b"\x00"[..], &block.concat().repeat(4), b"\x0b"].concat();
    let code = [&b"\x01"[..], &leb(body.len()), &body].concat();
    let results = [leb(values).to_vec(), b"\x7e".repeat(values)].concat();
    let types = [&b"\x02\x60\x00\x00\x60\x00"[..], &results].concat();
    let module = [
        &b"\0asm\x01\0\0\0"[..],
        &section(1, &types),
        &section(3, b"\x01\x00"),
        &section(10, &code),
    ];
    let service = service.build();
    built_of(&[&service[..], &section(1, &module.concat())].concat())
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(content.len()), content].concat()
}

/// Encodes a number as LEB128 in five bytes.
fn leb(number: usize) -> [u8; 5] {
    let group = |at: usize| ((number >> (7 * at)) & 0x7f) as u8 | if at < 4 { 0x80 } else { 0 };
    [0, 1, 2, 3, 4].map(group)
}

/// Deploys the expensive component with a limit, while requests run. Returns the code and the reason
/// of the rejection.
fn rejected(service: &Probe, flag: &str, limit: &str) -> (String, String) {
    let setup = Probe::good().setup().own_cache();
    // The code of the first component is cached, so the limit does not apply to it.
    drop(setup.start());
    let host = setup.flag(flag, limit).start();
    let before = revision(&host);
    let component = expensive(service);
    let mut answered = 0;
    thread::scope(|scope| {
        let deploying = scope.spawn(|| deploy(&host, &component, &[]));
        eventually("the deployment ends", || {
            host.get("/things/1").expect(200);
            answered += 1;
            deploying.is_finished().then_some(())
        });
        let output = deploying.join().expect("the command ends");
        assert_eq!(output.code, Some(1), "{output:#?}");
    });
    assert!(answered > 0, "only {answered} requests were answered");
    assert_eq!(revision(&host), before);
    let row = latest(&host);
    let text = |member: &str| row[member].as_str().expect("text").to_owned();
    (text("code"), text("reason"))
}

#[test]
fn a_compilation_that_takes_too_long_is_ended() {
    let (code, reason) = rejected(&other(), "--compile-timeout", "100ms");
    assert_eq!(code, "compile-time-exceeded");
    assert!(reason.contains("100ms (--compile-timeout)"), "{reason}");
}

#[test]
fn a_compilation_that_needs_too_much_memory_is_ended() {
    let (code, reason) = rejected(&other(), "--compile-memory", "256MiB");
    assert_eq!(code, "compile-memory-exceeded");
    assert!(reason.contains("--compile-memory"), "{reason}");
}

#[test]
fn a_missing_import_is_reported_before_anything_is_compiled() {
    let import = r#"(import "wasi:keyvalue/store@0.2.0" "names"
        (func (param i32)))"#;
    let reaching_out = Probe::good().world("reaching-out").at("imports", import);
    // Less memory than the compilation needs.
    let (code, reason) = rejected(&reaching_out, "--compile-memory", "256MiB");
    assert_eq!(code, "unknown-import");
    assert!(reason.contains("wasi:keyvalue/store@0.2.0"), "{reason}");
}

#[test]
fn a_compiler_is_killed_before_its_host_and_ends_with_it() {
    let mut compiler = task_host()
        .arg("compile")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process");
    let score = format!("/proc/{}/oom_score_adj", compiler.id());
    eventually("the kernel knows whom to kill first", || {
        let score = std::fs::read_to_string(&score).expect("its score");
        (score.trim() == "1000").then_some(())
    });
    // The kernel closes the host's end of the pipe when the host ends, however it ends. The input
    // stays open: the compiler does not end because it is complete.
    drop(compiler.stdout.take());
    let status = eventually("the compiler ends", || {
        compiler.try_wait().expect("a child")
    });
    assert_eq!(status.signal(), Some(9), "{status}");
}
