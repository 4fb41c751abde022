//! The flags of everything HTTP. Each is also read from the environment.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use clap::{ArgAction, Args};
use humantime::parse_duration;

use super::admin;

/// How the host listens, and what it takes from clients.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HTTP")]
pub struct Config {
    /// Where the API is served. Port 0 takes a free one and logs it.
    #[arg(long, env = "TASK_HOST_ADDR", default_value = "127.0.0.1:8000")]
    pub addr: SocketAddr,

    /// Where operators are served: probes, metrics and administration, from a thread of its own.
    #[arg(long, env = "TASK_HOST_ADMIN_ADDR", default_value = "127.0.0.1:9000")]
    pub admin_addr: SocketAddr,

    /// The path under which clients see the API, such as `/staging`, where a proxy in front takes
    /// that prefix away. `Location`, `Link` and the OpenAPI document carry it. Empty: none.
    #[arg(
        long,
        env = "TASK_HOST_PUBLIC_PATH",
        default_value = "",
        value_name = "PREFIX"
    )]
    pub public_path: PublicPath,

    /// The largest request body, in bytes or with a unit such as KiB or MiB. Above it: 413.
    #[arg(long, env = "TASK_HOST_BODY_LIMIT", default_value = "1MiB")]
    pub body_limit: ByteSize,

    /// How long a client may take to send a whole body. Past it: 408.
    #[arg(long, env = "TASK_HOST_BODY_TIMEOUT", default_value = "30s", value_parser = parse_duration)]
    pub body_timeout: Duration,

    /// The largest request head (request line and headers), at least 8KiB. Above it: 431.
    #[arg(long, env = "TASK_HOST_MAX_HEADER_BYTES", default_value = "32KiB", value_parser = header_bytes)]
    pub max_header_bytes: ByteSize,

    /// How long a client may take from the first byte of a request to the last of its headers,
    /// and from connecting to its first byte. Past it the connection is closed.
    #[arg(long, env = "TASK_HOST_HEADER_TIMEOUT", default_value = "10s", value_parser = parse_duration)]
    pub header_timeout: Duration,

    /// How long a connection may stay open between requests. Longer than the idle time of
    /// whatever balances load in front, or that meets closed connections.
    #[arg(long, env = "TASK_HOST_IDLE_TIMEOUT", default_value = "75s", value_parser = parse_duration)]
    pub idle_timeout: Duration,

    /// How long a client may take to accept any further byte of an answer. Past it the
    /// connection is closed.
    #[arg(long, env = "TASK_HOST_WRITE_TIMEOUT", default_value = "30s", value_parser = parse_duration)]
    pub write_timeout: Duration,

    /// Connections open at a time. Further ones wait in the kernel until one is closed.
    #[arg(long, env = "TASK_HOST_MAX_CONNECTIONS", default_value = "10000")]
    pub max_connections: NonZeroU32,

    /// Clients that follow the events at a time. Further ones get 503.
    #[arg(long, env = "TASK_HOST_MAX_EVENT_STREAMS", default_value = "1000")]
    pub max_event_streams: NonZeroU32,

    /// An origin whose pages may use the API, such as `https://app.example.com`; repeatable.
    /// `*` allows every origin, `none` turns CORS off.
    #[arg(
        long,
        env = "TASK_HOST_CORS_ORIGIN",
        default_value = "*",
        value_delimiter = ','
    )]
    pub cors_origin: Vec<Origin>,

    /// The request header that names a client: in a canary, the same client always gets the same
    /// logic. Where a request has none, its address does. Behind a proxy name a header that the
    /// proxy sets, such as X-Forwarded-For.
    #[arg(
        long,
        env = "TASK_HOST_CLIENT_HEADER",
        value_name = "NAME",
        default_value = "task-host-client"
    )]
    pub client_header: HeaderName,

    /// Whether the public port serves /metrics. The operators' port always does.
    #[arg(long, env = "TASK_HOST_PUBLIC_METRICS", default_value_t = true, action = ArgAction::Set)]
    pub public_metrics: bool,

    /// How long to serve on after a stop was asked for, with readiness off, so that load
    /// balancers notice first. In a cluster: 5s or more.
    #[arg(long, env = "TASK_HOST_DRAIN_DELAY", default_value = "0s", value_parser = parse_duration)]
    pub drain_delay: Duration,

    /// How long requests in flight may take to end after that. What is left is cut off.
    #[arg(long, env = "TASK_HOST_DRAIN_TIMEOUT", default_value = "25s", value_parser = parse_duration)]
    pub drain_timeout: Duration,

    /// Who may replace the logic, and how large it may be. Last, because what follows a group of
    /// flags stands under its heading in the help.
    #[command(flatten)]
    pub admin: admin::Config,
}

/// The path that a proxy in front adds: empty, or one slash before each of its segments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublicPath(String);

impl PublicPath {
    /// A path of this host's as clients have to write it.
    pub fn of(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The prefix; none where it is empty.
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

/// A number of bytes; written with or without a unit: `512`, `64KiB`, `1MiB`, `2MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub usize);

const UNITS: [(&str, usize); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<ByteSize, String> {
        let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
        let (digits, factor) = match unit {
            Some((unit, factor)) => (text[..text.len() - unit.len()].trim_end(), *factor),
            None => (text, 1),
        };
        digits
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_mul(factor))
            .map(ByteSize)
            .ok_or_else(|| "give a number of bytes, such as 65536, 64KiB or 1MiB".to_owned())
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |&&(_, factor): &&(&str, usize)| self.0 != 0 && self.0.is_multiple_of(factor);
        match UNITS[..3].iter().rev().find(whole) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// hyper cannot read into less than this.
const LEAST_HEADER_BYTES: usize = 8 * 1024;

fn header_bytes(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size.0 < LEAST_HEADER_BYTES || u32::try_from(size.0).is_err() {
        return Err("give at least 8KiB and less than 4GiB".to_owned());
    }
    Ok(size)
}

/// Which pages of a browser may use the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `*`.
    Any,
    /// `none`. It wins over whatever else is named.
    Nowhere,
    /// One origin: scheme, host and port.
    Exactly(HeaderValue),
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Origin, String> {
        match text {
            "*" => return Ok(Origin::Any),
            "none" => return Ok(Origin::Nowhere),
            _ => {}
        }
        let host = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .filter(|host| !host.is_empty() && !host.contains(['/', '?', '#', ' ', '@']));
        match (host, HeaderValue::from_str(text)) {
            (Some(_), Ok(value)) => Ok(Origin::Exactly(value)),
            _ => Err("give *, none, or an origin such as https://app.example.com".to_owned()),
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
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("64KiB", 65_536),
            ("2MB", 2_000_000),
            ("7 B", 7),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "KiB", "-1", "1.5MiB", "99999999999GiB", "1TiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        assert_eq!(ByteSize(3 << 20).to_string(), "3MiB");
        assert_eq!(ByteSize(1500).to_string(), "1500B");
    }

    #[test]
    fn a_wrong_value_names_its_flag() {
        for args in [
            ["--max-header-bytes", "1KiB"],
            ["--cors-origin", "https://app.example.com/path"],
            ["--header-timeout", "soon"],
            ["--client-header", "two words"],
            ["--max-connections", "0"],
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
