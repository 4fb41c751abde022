//! The attempts, by name. Each returns what it saw; many do not return.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::mem::forget;
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::io::poll::poll;
use wasip2::io::streams::StreamError;
use wasip2::random::{insecure, insecure_seed, random};
use wasip2::{cli, filesystem, http, sockets};

const HOUR: Duration = Duration::from_secs(3600);

/// Returns what the attempt saw, or `None` if there is no such attempt.
pub fn attempt(what: &str, n: u64) -> Option<Vec<String>> {
    let times = 0..n;
    Some(match what {
        "environment" => {
            let count = |count: usize| count.to_string();
            let directory = std::env::current_dir();
            vec![
                count(std::env::vars_os().count()),
                count(std::env::args_os().count()),
                count(filesystem::preopens::get_directories().len()),
                format!("{:?}", cli::environment::initial_cwd()),
                format!("{:?}", directory.map_err(|error| error.kind())),
            ]
        }
        "files" => vec![
            failure(File::open("/")),
            failure(File::open("..")),
            failure(fs::read("/etc/passwd")),
            failure(fs::write("/tmp/x", "x")),
            failure(fs::create_dir("x")),
            failure(fs::read_dir(".")),
            failure(fs::remove_file("x")),
        ],
        "network" => vec![
            failure(TcpStream::connect("127.0.0.1:80")),
            failure(TcpListener::bind("127.0.0.1:0")),
            failure(UdpSocket::bind("127.0.0.1:0")),
            failure(("localhost", 80).to_socket_addrs()),
            failure(("example.com", 80).to_socket_addrs()),
        ],
        "sockets" => {
            let family = sockets::network::IpAddressFamily::Ipv4;
            let network = sockets::instance_network::instance_network();
            let name = "example.com";
            vec![
                failure(sockets::tcp_create_socket::create_tcp_socket(family)),
                failure(sockets::udp_create_socket::create_udp_socket(family)),
                failure(sockets::ip_name_lookup::resolve_addresses(&network, name)),
            ]
        }
        "request" => {
            let request = http::types::OutgoingRequest::new(http::types::Fields::new());
            let body = request.body().expect("a body");
            let output = body.write().expect("a stream");
            drop(output.subscribe());
            let answer = http::outgoing_handler::handle(request, None);
            let answer = answer.expect("an answer");
            drop(answer.subscribe());
            let body = answer.get().map(|answer| answer.expect("taken once"));
            let body = body.map(|answer| answer.expect("an answer").consume());
            let body = body.expect("ready").expect("a body");
            let input = body.stream().expect("a stream");
            let end = input.blocking_read(n).map_err(|error| match error {
                StreamError::LastOperationFailed(error) => http::types::http_error_code(&error),
                StreamError::Closed => None,
            });
            vec![failure(end)]
        }
        "stdin" => {
            let mut text = String::new();
            let read = io::stdin().read_to_string(&mut text);
            vec![format!("{read:?}"), text]
        }
        "terminals" => vec![
            format!("{}", cli::terminal_stdin::get_terminal_stdin().is_some()),
            format!("{}", cli::terminal_stdout::get_terminal_stdout().is_some()),
            format!("{}", cli::terminal_stderr::get_terminal_stderr().is_some()),
        ],
        "clocks" => {
            let (time, instant) = (SystemTime::now(), Instant::now());
            let mut sum = 0;
            times.for_each(|number| sum = std::hint::black_box(sum ^ number));
            let since = time.duration_since(UNIX_EPOCH).expect("after 1970");
            vec![
                since.as_nanos().to_string(),
                monotonic_clock::now().to_string(),
                format!("{:?}", time.elapsed().map(|time| time.as_nanos())),
                instant.elapsed().as_nanos().to_string(),
                monotonic_clock::resolution().to_string(),
                wall_clock::resolution().nanoseconds.to_string(),
            ]
        }
        "random" => vec![
            hex(&random::get_random_bytes(n)),
            format!("{:x}", random::get_random_u64()),
            hex(&insecure::get_insecure_random_bytes(n)),
            format!("{:x}", insecure::get_insecure_random_u64()),
            format!("{:x?}", insecure_seed::insecure_seed()),
        ],
        "random-length" => vec![random::get_random_bytes(n).len().to_string()],
        "insecure-length" => vec![insecure::get_insecure_random_bytes(n).len().to_string()],
        "sleep" => {
            sleep(HOUR);
            Vec::new()
        }
        "sleep-not-at-all" => {
            sleep(Duration::ZERO);
            monotonic_clock::subscribe_duration(0).block();
            monotonic_clock::subscribe_instant(monotonic_clock::now()).block();
            monotonic_clock::subscribe_instant(0).block();
            vec!["awake".to_owned()]
        }
        "poll" => {
            let timer = monotonic_clock::subscribe_duration(1);
            let (output, input) = (cli::stdout::get_stdout(), cli::stdin::get_stdin());
            let (output, input) = (output.subscribe(), input.subscribe());
            vec![
                format!("{:?}", [timer.ready(), output.ready(), input.ready()]),
                format!("{:?}", poll(&[&timer, &output, &timer, &input])),
            ]
        }
        "poll-timers" => {
            let timers: Vec<_> = (1..=n).map(monotonic_clock::subscribe_duration).collect();
            poll(&timers.iter().collect::<Vec<_>>());
            Vec::new()
        }
        "poll-long-list" => {
            let ready = monotonic_clock::subscribe_duration(0);
            vec![poll(&vec![&ready; n as usize]).len().to_string()]
        }
        "poll-long-lists" => {
            let ready = monotonic_clock::subscribe_duration(0);
            let list = vec![&ready; 10_000];
            vec![times.map(|_| poll(&list).len()).sum::<usize>().to_string()]
        }
        "poll-nothing" => vec![poll(&[]).len().to_string()],
        "hoard-streams" => {
            times.for_each(|_| forget(cli::stdout::get_stdout()));
            vec!["hoarded".to_owned()]
        }
        "hoard-timers" => {
            times.for_each(|_| forget(monotonic_clock::subscribe_duration(1)));
            vec!["hoarded".to_owned()]
        }
        "use-streams" => {
            times.for_each(|_| drop(cli::stdout::get_stdout()));
            vec!["used".to_owned()]
        }
        "print" => {
            println!("one line");
            println!();
            eprintln!("a line \x1b[31mof errors\u{202e}");
            let mut stdout = io::stdout();
            stdout
                .write_all(b"not \xff UTF-8\r\nunfinished")
                .expect("written");
            stdout.flush().expect("flushed");
            eprint!("unfinished, too");
            Vec::new()
        }
        "print-and-trap" => {
            print!("the last words");
            io::stdout().flush().expect("flushed");
            trap()
        }
        "print-lines" => {
            times.for_each(|number| println!("line {number}"));
            Vec::new()
        }
        "print-long-line" => {
            let chunk = [b'x'; 1024];
            let mut stdout = io::stdout().lock();
            times.for_each(|_| stdout.write_all(&chunk).expect("written"));
            stdout.write_all(b"\nthe next line\n").expect("written");
            Vec::new()
        }
        "write-at-once" => {
            let bytes = vec![b'x'; n as usize];
            vec![failure(cli::stdout::get_stdout().write(&bytes))]
        }
        "write-zeroes" => vec![failure(cli::stdout::get_stdout().write_zeroes(n))],
        "splice" => {
            let (output, input) = (cli::stdout::get_stdout(), cli::stdin::get_stdin());
            vec![failure(output.blocking_splice(&input, n))]
        }
        "exit" => std::process::exit(n as i32),
        "abort" => std::process::abort(),
        "panic" => panic!("the reason of the panic"),
        _ => return None,
    })
}

/// Returns why something failed, or `ok`.
fn failure<T, E: std::fmt::Debug>(result: Result<T, E>) -> String {
    result.map_or_else(|error| format!("{error:?}"), |_| "ok".to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Ends the call without a word of the standard library.
fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort()
}
