//! Flags: the limits of requests. Each limit is on by default.

use std::time::Duration;

use humantime::parse_duration;

use server::ByteSize;

/// What one request may use, and how many may run
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Limits")]
pub struct Args {
    /// Requests that run at the same time. The pool of instances has this size; an instance
    /// reserves address space, not memory.
    #[arg(long, env = "TASK_HOST_MAX_CONCURRENCY", default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(1..=4096))]
    max_concurrency: u32,

    /// Further instances for descriptions, self-tests and health. Lower it only under tools that
    /// leave the host little address space; with too few, health checks fail.
    #[arg(long, hide = true, default_value_t = runtime::Limits::SPARE_INSTANCES)]
    spare_instances: u32,

    /// CPU time of a run. If the runs of a route take this or more on average, its requests give way to
    /// others. Raise it only under tools that slow the host down.
    #[arg(long, hide = true, default_value = "1ms", value_parser = parse_duration)]
    long_run: Duration,

    /// Requests that wait for their turn. Further requests fail with 503.
    #[arg(long, env = "TASK_HOST_MAX_QUEUE", default_value_t = 1024)]
    max_queue: u32,

    /// How long a request waits for its turn: for the writer or a connection, for a free instance, and for
    /// an equal read whose answer it shares. All its waits together, also those after a conflict. After that,
    /// or at --request-timeout, it fails with 503.
    #[arg(long, env = "TASK_HOST_QUEUE_TIMEOUT", default_value = "1s", value_parser = parse_duration)]
    queue_timeout: Duration,

    /// Wall-clock time of a request, waiting included. After that it fails with 504.
    #[arg(long, env = "TASK_HOST_REQUEST_TIMEOUT", default_value = "5s", value_parser = parse_duration)]
    request_timeout: Duration,

    /// Wall-clock time for which one request may hold up other writes, counted from when it may
    /// write. After that it fails with 504.
    #[arg(long, env = "TASK_HOST_WRITE_HOLD", default_value = "2s", value_parser = parse_duration)]
    write_hold: Duration,

    /// CPU time of one call of the logic. After that the request fails with 504.
    #[arg(long, env = "TASK_HOST_CPU_LIMIT", default_value = "1s", value_parser = parse_duration)]
    cpu_limit: Duration,

    /// Memory of one request: all memories and tables of its instance, and the parameters, results and
    /// events that the host holds for it. Above it the request fails with 500, or with 413 if already
    /// the arguments of the request take half of it.
    #[arg(long, env = "TASK_HOST_MEMORY_LIMIT", default_value = "64MiB")]
    memory_limit: ByteSize,

    /// Data that the logic may pass to the host in one call: statements, parameters, log lines and
    /// its result. Above it the request fails with 500.
    #[arg(long, env = "TASK_HOST_HANDOVER_LIMIT", default_value = "16MiB")]
    handover_limit: ByteSize,

    /// JSON of one answer. Above it the request fails with 500. Writing an answer needs no more
    /// memory than this.
    #[arg(long, env = "TASK_HOST_ANSWER_LIMIT", default_value = "16MiB")]
    answer_limit: ByteSize,

    /// SQL statements of one request. Above it the request fails with 500.
    #[arg(long, env = "TASK_HOST_STATEMENT_LIMIT", default_value_t = 1000)]
    statement_limit: u32,

    /// Rows that the statements of one request return. Above it the request fails with 500.
    #[arg(long, env = "TASK_HOST_ROW_LIMIT", default_value_t = 100_000)]
    row_limit: u64,

    /// Bytes of text and blobs that the statements of one request return. Above it the request
    /// fails with 500. On PostgreSQL, one row may have at most an eighth of --memory-limit.
    #[arg(long, env = "TASK_HOST_BYTE_LIMIT", default_value = "32MiB")]
    byte_limit: ByteSize,

    /// Events that the logic publishes in one call. Above it the request fails with 500.
    #[arg(long, env = "TASK_HOST_EVENT_LIMIT", default_value_t = 10_000)]
    event_limit: u32,

    /// Log lines of the logic in one call. Further lines are dropped and counted.
    #[arg(long, env = "TASK_HOST_LOG_LINE_LIMIT", default_value_t = 100)]
    log_line_limit: u32,

    /// Memory for answers to reads that are kept. A kept answer is given again only if it is proven
    /// that the logic would give the same: no commit has touched what it read, or its statements
    /// have the same results again. 0 keeps no answers.
    #[arg(long, env = "TASK_HOST_ANSWER_CACHE", default_value = "32MiB")]
    answer_cache: ByteSize,

    /// The share of kept answers that are compared with a run of the logic before they are given
    /// again, from 0 to 1. After a difference no answers of that component are kept, and the log
    /// has an error.
    #[arg(long, env = "TASK_HOST_ANSWER_CHECK", default_value_t = 0.001, value_parser = parse_share)]
    answer_check: f64,
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("give a number from 0 to 1".to_owned()),
    }
}

/// Returns the flag and the value of each limit as `serve` would have them: from the environment, or
/// by default.
///
/// # Errors
/// A variable has a wrong value.
pub(crate) fn in_effect() -> Result<Vec<(String, String)>, clap::Error> {
    let command = clap::Command::new("task-host serve").no_binary_name(true);
    let command = <Args as clap::Args>::augment_args(command);
    let matches = command
        .clone()
        .try_get_matches_from(std::iter::empty::<&str>())?;
    let shown = command.get_arguments().filter(|flag| !flag.is_hide_set());
    let shown = shown.filter_map(|flag| {
        let value = matches.get_raw(flag.get_id().as_str())?.next()?;
        let value = value.to_string_lossy().into_owned();
        Some((format!("--{}", flag.get_long()?), value))
    });
    Ok(shown.collect())
}

impl Args {
    pub(crate) fn runtime(&self) -> runtime::Limits {
        runtime::Limits {
            instances: self.max_concurrency,
            spare_instances: self.spare_instances,
            memory_bytes: self.memory_limit.0,
            handover_bytes: self.handover_limit.0,
            answer_bytes: self.answer_limit.0,
            cpu: self.cpu_limit,
            events: self.event_limit,
            log_lines: self.log_line_limit,
        }
    }

    /// Returns the memory that one request may take, in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_limit.0 as u64
    }

    /// Returns the memory that kept answers may take, in bytes.
    pub(crate) fn answers_bytes(&self) -> u64 {
        self.answer_cache.0 as u64
    }

    /// Returns the memory that all requests together may take, in bytes.
    pub(crate) fn requests_bytes(&self) -> u64 {
        u64::from(self.max_concurrency).saturating_mul(self.memory_bytes())
    }

    pub(crate) fn request(&self) -> request::Limits {
        request::Limits {
            running: self.max_concurrency as usize,
            waiting: self.max_queue as usize,
            wait: self.queue_timeout,
            deadline: self.request_timeout,
            hold: self.write_hold,
            statements: self.statement_limit,
            rows: self.row_limit,
            bytes: self.byte_limit.0 as u64,
            memory_bytes: self.memory_limit.0,
            answer_cache_bytes: self.answer_cache.0,
            answer_check: self.answer_check,
            long_run: self.long_run,
        }
    }
}
