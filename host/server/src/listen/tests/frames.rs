//! Fuzz target: any frames of HTTP/2 are answered, or end their connection.

use std::net::Ipv4Addr;
use std::panic::AssertUnwindSafe;

use tokio::runtime;

use super::*;

/// What a client of HTTP/2 sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// `GET http://x/things`, compressed by HPACK's static table.
const REQUEST: &[u8] = b"\x82\x86\x04\x07/things\x41\x01x";

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;

/// How long the client waits for more of the answer.
const SILENCE: Duration = Duration::from_millis(10);

/// A part of what a client sends: a kind, flags, a stream, and a payload.
type Part = (u8, u8, u8, Vec<u8>);

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let head = [
        length[1], length[2], length[3], kind, flags, 0, 0, 0, stream,
    ];
    [&head, payload].concat()
}

/// Most parts are frames of a known kind whose length is right. Some begin with a request's head, so that streams
/// open; others are bytes without any frame.
fn sent(parts: &[Part]) -> Vec<u8> {
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    for (kind, flags, stream, payload) in parts {
        bytes.extend(match kind % 16 {
            10..=13 => frame(HEADERS, *flags, *stream, &[REQUEST, payload].concat()),
            14 => frame(HEADERS, 0x5, stream | 1, REQUEST),
            15 => payload.clone(),
            known => frame(known, *flags, *stream, payload),
        });
    }
    bytes
}

/// Whether the bytes are whole frames, but for the last one, which the end of the connection may have cut off.
fn are_frames(mut bytes: &[u8]) -> bool {
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = bytes {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if *kind > 9 || length > 16 * 1024 {
            return false;
        }
        bytes = rest.get(length..).unwrap_or_default();
    }
    true
}

/// Sends the bytes on a new connection of the port until it ends. Returns what came back.
async fn exchange(port: &Port, listener: &TcpListener, bytes: &[u8]) -> Vec<u8> {
    let address = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let ((stream, peer), mut client) = (accepted.unwrap(), client.unwrap());
    let (connection, served) = port.connection(stream, Peer(peer.ip()));
    let client = async move {
        let (mut reader, mut writer) = client.split();
        let mut answer = Vec::new();
        let reads = async {
            // Silence, a reset and an end are the same here.
            while let Ok(Ok(1..)) = timeout(SILENCE, reader.read_buf(&mut answer)).await {}
        };
        // The host may close the connection before all was sent. The client's side stays open, because a client
        // that has closed it gets no more answers.
        let writes = async { drop(writer.write_all(bytes).await) };
        tokio::join!(reads, writes);
        answer
    };
    let exchanged = timeout(SOON, async { tokio::join!(client, served) });
    let (answer, ()) = exchanged.await.expect("the connection stays open");
    assert!(connection.account.is_empty(), "bytes are still counted");
    answer
}

#[test]
fn any_frames_are_answered_or_end_the_connection() {
    let runtime = runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let (port, listener) = runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let limits = Limits::from(&config(&[]));
        let port = Port::new(Fake::new().router(), limits, Readiness::default(), None);
        (port, listener)
    });
    // After a panic the test ends.
    let ask = AssertUnwindSafe(|bytes: &[u8]| runtime.block_on(exchange(&port, &listener, bytes)));
    let answer = ask(&sent(&[(14, 0, 1, Vec::new())]));
    assert!(answer.windows(2).any(|two| two == b"[]"), "{answer:?}");

    bolero::check!().with_type::<Vec<Part>>().for_each(|parts| {
        let ask = &ask;
        assert!(are_frames(&ask(&sent(parts))));
    });
}
