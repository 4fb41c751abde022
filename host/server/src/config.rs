//! The flags of the HTTP server. Each is also read from the environment.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use clap::{ArgAction, Args, ValueEnum};
use humantime::parse_duration;
use url::Url;

use super::admin::config as admin;
use super::byte_size::ByteSize;

/// How the host listens, and its limits for clients.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HTTP")]
pub struct Config {
    /// Address of the API. Port 0 chooses a free port and logs it
    #[arg(long, env = "TASK_HOST_ADDR", default_value = "127.0.0.1:8000")]
    pub addr: SocketAddr,

    /// Address of the admin port: probes, metrics and the admin API, served from a thread of its
    /// own
    #[arg(long, env = "TASK_HOST_ADMIN_ADDR", default_value = "127.0.0.1:9000")]
    pub admin_addr: SocketAddr,

    /// Path prefix that clients see, such as `/staging`, if a proxy in front removes it. `Location`,
    /// `Link` and the OpenAPI document include it. Empty: no prefix
    #[arg(
        long,
        env = "TASK_HOST_PUBLIC_PATH",
        default_value = "",
        value_name = "PREFIX"
    )]
    pub public_path: PublicPath,

    /// Maximum size of a request body, in bytes or with a unit such as KiB or MiB. A larger body
    /// gets 413
    #[arg(long, env = "TASK_HOST_BODY_LIMIT", default_value = "1MiB")]
    pub body_limit: ByteSize,

    /// How long a client may take to send a whole body. A slower client gets 408
    #[arg(long, env = "TASK_HOST_BODY_TIMEOUT", default_value = "30s", value_parser = parse_duration)]
    pub body_timeout: Duration,

    /// Maximum size of a request head (request line and headers), at least 8KiB. A larger head gets
    /// 431
    #[arg(long, env = "TASK_HOST_MAX_HEADER_BYTES", default_value = "32KiB", value_parser = header_bytes)]
    pub max_header_bytes: ByteSize,

    /// How long a client may take to send its first byte after connecting, and to send a request
    /// head after the head's first byte. After that the connection is closed
    #[arg(long, env = "TASK_HOST_HEADER_TIMEOUT", default_value = "10s", value_parser = parse_duration)]
    pub header_timeout: Duration,

    /// How long a connection may stay open between requests. Set it longer than the idle time-out of
    /// a load balancer in front, which would otherwise send requests on closed connections
    #[arg(long, env = "TASK_HOST_IDLE_TIMEOUT", default_value = "75s", value_parser = parse_duration)]
    pub idle_timeout: Duration,

    /// How long a client may take to read the next 16 KiB of its answers, or the rest if that is
    /// less. After that the connection is closed
    #[arg(long, env = "TASK_HOST_WRITE_TIMEOUT", default_value = "30s", value_parser = parse_duration)]
    pub write_timeout: Duration,

    /// Maximum number of open connections, lowered if the process may not open as many files. Above
    /// it the host closes the connections that have been idle the longest. If all are in use, further
    /// connections wait in the kernel
    #[arg(long, env = "TASK_HOST_MAX_CONNECTIONS", default_value = "10000")]
    pub max_connections: NonZeroU32,

    /// Maximum number of bytes that the host keeps for all clients together: bodies of requests, and
    /// answers that are not read yet. Above it the host closes the connections that keep the most or
    /// whose clients have stopped reading, and else answers 503. The admin port has a quarter of it
    /// for itself
    #[arg(long, env = "TASK_HOST_BUFFER_LIMIT", default_value = "64MiB", value_parser = buffer_bytes)]
    pub buffer_limit: ByteSize,

    /// The part of the buffer limit that one connection may take. Above it a further request on the
    /// connection gets 503
    #[arg(long, env = "TASK_HOST_CONNECTION_BUFFER_LIMIT", default_value = "8MiB", value_parser = buffer_bytes)]
    pub connection_buffer_limit: ByteSize,

    /// Maximum number of clients that follow the events. Further clients get 503
    #[arg(long, env = "TASK_HOST_MAX_EVENT_STREAMS", default_value = "1000")]
    pub max_event_streams: NonZeroU32,

    /// Whether agents can use the operations as tools, at /mcp (Model Context Protocol). `read-only`:
    /// only those that change nothing
    #[arg(
        long,
        env = "TASK_HOST_MCP",
        value_name = "MODE",
        value_enum,
        default_value = "on"
    )]
    pub mcp: McpMode,

    /// Maximum number of agents that stay connected to be told of new logic. Further agents get 503,
    /// and can use the tools without it
    #[arg(long, env = "TASK_HOST_MAX_MCP_STREAMS", default_value = "1000")]
    pub max_mcp_streams: NonZeroU32,

    /// Origin whose pages may use the API, such as `https://app.example.com`; repeatable. `*` allows
    /// every origin, `none` turns CORS off. Upper case, a default port and a slash at the end do not
    /// matter
    #[arg(
        long,
        env = "TASK_HOST_CORS_ORIGIN",
        default_value = "*",
        value_delimiter = ','
    )]
    pub cors_origin: Vec<Origin>,

    /// Request header that identifies a client: in a canary, the same client always gets the same
    /// logic. A request without the header is identified by its address. Behind a proxy, use a
    /// header that the proxy sets, such as X-Forwarded-For
    #[arg(
        long,
        env = "TASK_HOST_CLIENT_HEADER",
        value_name = "NAME",
        default_value = "task-host-client"
    )]
    pub client_header: HeaderName,

    /// Whether the public port serves /metrics. The admin port always does
    #[arg(long, env = "TASK_HOST_PUBLIC_METRICS", default_value_t = true, action = ArgAction::Set)]
    pub public_metrics: bool,

    /// How long to keep serving after a stop signal, with readiness off, so that load balancers
    /// notice first. In a cluster, use 5s or more
    #[arg(long, env = "TASK_HOST_DRAIN_DELAY", default_value = "0s", value_parser = parse_duration)]
    pub drain_delay: Duration,

    /// How long requests in flight may take to end after the drain delay. Then their connections are
    /// closed
    #[arg(long, env = "TASK_HOST_DRAIN_TIMEOUT", default_value = "25s", value_parser = parse_duration)]
    pub drain_timeout: Duration,

    /// The flags of the admin API. Last, because flags after a group would appear under the group's
    /// heading in the help.
    #[command(flatten)]
    pub admin: admin::Config,
}

/// Which operations are tools for agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum McpMode {
    /// All of them.
    On,
    /// None. Nothing is served at `/mcp`.
    Off,
    /// Those that change nothing.
    ReadOnly,
}

/// The path prefix that clients see: empty, or one slash before each of its segments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublicPath(String);

impl PublicPath {
    /// Returns a path of this host as clients see it.
    pub fn of(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Returns the prefix. `None` if it is empty.
    pub fn prefix(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(&*self.0)
    }
}

impl FromStr for PublicPath {
    type Err = String;

    fn from_str(text: &str) -> Result<PublicPath, String> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
        let segment = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(plain);
        match path.strip_prefix('/') {
            None if path.is_empty() => Ok(PublicPath::default()),
            Some(parts) if parts.split('/').all(segment) => Ok(PublicPath(path.to_owned())),
            _ => Err("give a path such as /staging: letters, digits, - . _ ~".to_owned()),
        }
    }
}

/// hyper needs a buffer of at least this size.
const LEAST_HEADER_BYTES: usize = 8 * 1024;

fn header_bytes(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size.0 < LEAST_HEADER_BYTES || u32::try_from(size.0).is_err() {
        return Err("give at least 8KiB and less than 4GiB".to_owned());
    }
    Ok(size)
}

/// Less would not hold a single large answer, and answers are passed on in pieces.
const LEAST_BUFFER_BYTES: usize = 1 << 20;

fn buffer_bytes(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size.0 < LEAST_BUFFER_BYTES {
        return Err("give at least 1MiB".to_owned());
    }
    Ok(size)
}

/// Origins whose pages may use the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `*`.
    Any,
    /// `none`. Takes precedence over all other values.
    Nowhere,
    /// One origin: scheme, host and port.
    Exactly(HeaderValue),
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Origin, String> {
        let text = text.trim();
        match text {
            "*" => return Ok(Origin::Any),
            "none" => return Ok(Origin::Nowhere),
            _ => {}
        }
        if text == "null" {
            return Err(
                "null is the origin of every sandboxed page and local file; give * to \
                        allow every page"
                    .to_owned(),
            );
        }
        if text.contains('*') {
            return Err(
                "a browser sends a whole origin, and * stands for nothing within one; \
                        repeat the flag for each origin, or give * to allow every page"
                    .to_owned(),
            );
        }
        let expected = "give *, none, or an origin such as https://app.example.com: scheme, host \
                        and port, without a path";
        let url = Url::parse(text).map_err(|error| format!("{expected} ({error})"))?;
        let is_origin = matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && !text.contains(['@', '\\'])
            && !text.contains(char::is_whitespace);
        // The form that browsers send: in lower case, without the default port, with a name in
        // other letters than ASCII in its encoded form.
        match HeaderValue::try_from(url.origin().ascii_serialization()) {
            Ok(origin) if is_origin => Ok(Origin::Exactly(origin)),
            _ => Err(expected.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        config: Config,
    }

    fn parse(args: &[&str]) -> Result<Config, String> {
        Command::try_parse_from([&["task-host"], args].concat())
            .map(|command| command.config)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_work_on_a_laptop() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.addr.to_string(), "127.0.0.1:8000");
        assert_eq!(config.body_limit, ByteSize(1 << 20));
        assert_eq!(config.idle_timeout, Duration::from_secs(75));
        assert_eq!(config.cors_origin, [Origin::Any]);
        assert!(config.public_metrics);
    }

    #[test]
    fn a_wrong_value_names_its_flag() {
        for args in [
            ["--max-header-bytes", "1KiB"],
            ["--cors-origin", "https://app.example.com/path"],
            ["--cors-origin", "null"],
            ["--header-timeout", "soon"],
            ["--client-header", "two words"],
            ["--max-connections", "0"],
            ["--buffer-limit", "0"],
            ["--connection-buffer-limit", "100KiB"],
            ["--mcp", "yes"],
            ["--public-path", "staging"],
            ["--public-path", "//elsewhere.example"],
            ["--public-path", "/a/../b"],
            ["--public-path", "/a?b"],
        ] {
            let error = parse(&args).unwrap_err();
            assert!(error.contains(args[0]), "{error}");
        }
    }

    #[test]
    fn origins_are_repeated_or_separated_by_commas() {
        let config = parse(&["--cors-origin", "https://a.example,http://b.example:8080"]).unwrap();
        let origins = ["https://a.example", "http://b.example:8080"]
            .map(|origin| Origin::Exactly(HeaderValue::from_static(origin)));
        assert_eq!(config.cors_origin, origins);
    }

    #[test]
    fn an_origin_is_compared_in_the_form_that_browsers_send() {
        for (given, sent) in [
            ("https://App.Example.COM", "https://app.example.com"),
            ("HTTPS://app.example.com:443", "https://app.example.com"),
            ("http://app.example.com:80/", "http://app.example.com"),
            ("https://app.example.com:80", "https://app.example.com:80"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            (" https://app.example.com", "https://app.example.com"),
        ] {
            let sent = Origin::Exactly(HeaderValue::from_static(sent));
            assert_eq!(given.parse(), Ok(sent), "{given}");
        }
    }

    #[test]
    fn an_origin_that_no_browser_sends_is_refused_with_the_reason() {
        for (given, reason) in [
            ("null", "sandboxed"),
            ("https://*.example.com", "repeat the flag"),
            ("https://app.example.com/path", "without a path"),
            ("https://app.example.com?q", "without a path"),
            ("https://user@app.example.com", "without a path"),
            ("app.example.com", "https://app.example.com"),
            ("file:///tmp", "https://app.example.com"),
            ("https://", "https://app.example.com"),
            ("https://app example.com", "https://app.example.com"),
            ("", "https://app.example.com"),
        ] {
            let error = given.parse::<Origin>().unwrap_err();
            assert!(error.contains(reason), "{given}: {error}");
        }
    }

    #[test]
    fn a_public_path_is_read_with_and_without_its_last_slash() {
        for text in ["/a/b", "/a/b/"] {
            assert_eq!(
                text.parse::<PublicPath>().unwrap().of("/things"),
                "/a/b/things"
            );
        }
        for text in ["", "/"] {
            let path: PublicPath = text.parse().unwrap();
            assert_eq!((path.prefix(), &*path.of("/things")), (None, "/things"));
        }
    }
}
