//! How flags and environment variables go together.

use std::fs;

use crate::harness::{Refused, Setup, built, run, task_host};

/// Runs a command with environment variables.
fn with(variables: &[(&str, &str)], line: &[&str]) -> Refused {
    let mut command = task_host();
    command.args(line).envs(variables.iter().copied());
    run(command)
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let names = [
        "TASK_HOST_ADDR",
        "TASK_HOST_ADMIN_TOKEN",
        "TASK_HOST_ADMIN_TOKEN_FILE",
        "TASK_HOST_BODY_LIMIT",
        "TASK_HOST_CODE_KEY_FILE",
        "TASK_HOST_COMPONENT",
        "TASK_HOST_CORS_ORIGIN",
        "TASK_HOST_DATABASE",
        "TASK_HOST_DATABASE_DIRECT",
        "TASK_HOST_DECLARED_COMPONENT",
        "TASK_HOST_LEASE",
        "TASK_HOST_LOG",
        "TASK_HOST_LOG_FORMAT",
        "TASK_HOST_MAX_CONCURRENCY",
        "TASK_HOST_PUBLIC_METRICS",
        "TASK_HOST_PUBLIC_PATH",
        "TASK_HOST_REGISTRY_AUTH_FILE",
        "TASK_HOST_REPLICAS",
        "TASK_HOST_REPLICA_NAME",
        "TASK_HOST_TRUSTED_KEY",
        "TASK_HOST_WORKERS",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_SERVICE_NAME",
        "OTEL_TRACES_SAMPLER",
    ];
    let setup = names
        .into_iter()
        .fold(Setup::tasks(), |setup, name| setup.variable(name, ""));
    let host = setup.start();
    host.get("/readyz").expect(200);
    let admin = format!("http://{}", host.admin_address);
    let empty = names.map(|name| (name, ""));
    let status = with(&empty, &["status", "--to", &admin]);
    assert_eq!(status.code, Some(0), "{status:#?}");
}

#[test]
fn a_flag_takes_precedence_over_the_variable_of_its_rival() {
    let setup = Setup::tasks().flag("--admin-token", "s3cret");
    let directory = setup.directory().to_owned();
    let file = |name: &str, token: &str| {
        let path = directory.join(name);
        fs::write(&path, token).expect("written");
        path.display().to_string()
    };
    let (right, wrong) = (file("right", "s3cret\n"), file("wrong", "other\n"));
    let host = setup.start();
    let admin = format!("http://{}", host.admin_address);
    let status = |variable: (&str, &str), flag: [&str; 2]| {
        let line = [&["status", "--to", &admin][..], &flag].concat();
        with(&[variable], &line)
    };
    for (variable, flag, code) in [
        (
            ("TASK_HOST_ADMIN_TOKEN", "other"),
            ["--token-file", &*right],
            0,
        ),
        (
            ("TASK_HOST_ADMIN_TOKEN", "s3cret"),
            ["--token-file", &*wrong],
            1,
        ),
        (
            ("TASK_HOST_ADMIN_TOKEN_FILE", &*wrong),
            ["--token", "s3cret"],
            0,
        ),
        (
            ("TASK_HOST_ADMIN_TOKEN_FILE", "/none"),
            ["--token", "s3cret"],
            0,
        ),
        (("TASK_HOST_ADMIN_TOKEN", "other"), ["--token", "s3cret"], 0),
    ] {
        let ended = status(variable, flag);
        assert_eq!(ended.code, Some(code), "{variable:?} {flag:?}: {ended:#?}");
    }
    // The host's own pair.
    let served = Setup::tasks()
        .flag("--admin-token-file", &*right)
        .variable("TASK_HOST_ADMIN_TOKEN", "other")
        .start();
    let admin = format!("http://{}", served.admin_address);
    let ended = with(&[], &["status", "--to", &admin, "--token", "s3cret"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

#[test]
fn two_variables_that_contradict_each_other_are_named() {
    let both = [
        ("TASK_HOST_ADMIN_TOKEN", "s3cret"),
        ("TASK_HOST_ADMIN_TOKEN_FILE", "/run/token"),
    ];
    for line in [&["status"][..], &["serve", "--component", "x.wasm"]] {
        let ended = with(&both, line);
        ended.says(
            2,
            &["TASK_HOST_ADMIN_TOKEN and TASK_HOST_ADMIN_TOKEN_FILE are both set"],
        );
        assert!(!ended.stderr.contains("s3cret"), "{ended:#?}");
    }
}

#[test]
fn a_database_on_the_command_line_has_no_direct_url_from_the_environment() {
    let setup = Setup::tasks();
    let empty = setup.directory().join("empty.jsonl");
    let header = r#"{"task_host_export":1,"host_version":"0","exported_at":"","dialect":"sqlite","migrations":[],"tables":[]}"#;
    fs::write(&empty, format!("{header}\n")).expect("written");
    let database = format!("sqlite:{}", setup.directory().join("new.sqlite").display());
    let component = built("tasks.wasm").display().to_string();
    let empty = empty.display().to_string();
    let line = [
        "import",
        &*empty,
        "--database",
        &*database,
        "--component",
        &*component,
    ];
    let direct = ("TASK_HOST_DATABASE_DIRECT", "postgres://a@127.0.0.1:1/b");
    let alone = with(&[], &line);
    let ended = with(&[direct], &line);
    assert!(!ended.stderr.contains("127.0.0.1"), "{ended:#?}");
    // Only the second import meets the data of the first.
    assert_ne!(alone.code, None, "{alone:#?}");
}

#[test]
fn a_log_that_would_silence_errors_is_refused() {
    for (log, words) in [
        ("warning", "say `warn`"),
        ("off", "errors must be logged"),
        ("logic=debug", "info,logic=debug"),
        ("loud", "not a level"),
    ] {
        let setup = Setup::tasks().variable("TASK_HOST_LOG", log);
        setup.refused().says(2, &["--log", words]);
    }
}

#[test]
fn inspect_and_test_compile_within_the_time_that_they_are_given() {
    let component = built("tasks.wasm").display().to_string();
    let line = ["inspect", &*component, "--compile-timeout", "1ms"];
    with(&[], &line).says(1, &["1ms"]);
    let variable = ("TASK_HOST_COMPILE_TIMEOUT", "1ms");
    with(&[variable], &["inspect", &component]).says(1, &["1ms"]);
    with(&[variable], &["test", &component]).says(1, &["1ms"]);
}
