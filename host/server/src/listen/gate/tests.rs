use super::*;

const LIMIT: usize = 8192;

/// What goes on to hyper, if the bytes arrive in parts of this size, and why they are refused.
fn fed(bytes: &[u8], part: usize) -> (Vec<u8>, Option<Refusal>) {
    let mut gate = Gate::new(LIMIT);
    let (mut through, mut refusal) = (Vec::new(), None);
    for part in bytes.chunks(part) {
        if gate.is_closed() {
            break;
        }
        let passed = gate.pass(part);
        through.extend_from_slice(&part[..passed.direct]);
        through.extend_from_slice(&passed.then);
        refusal = refusal.or(passed.refusal);
    }
    (through, refusal)
}

fn refusal(head: impl AsRef<[u8]>) -> Option<Refusal> {
    let (_, whole) = fed(head.as_ref(), usize::MAX);
    let (_, parts) = fed(head.as_ref(), 1);
    assert_eq!(whole, parts, "{}", head.as_ref().escape_ascii());
    whole
}

#[test]
fn valid_requests_pass_unchanged_however_they_arrive() {
    let long = format!(
        "GET /{} HTTP/1.1\r\nhost: x\r\n\r\n",
        "a".repeat(LIMIT - 40)
    );
    let requests: [&[u8]; 8] = [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\r\nOPTIONS * HTTP/1.1\r\nHost: x\r\nX-Empty:\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 25\r\n\r\nGET / HTTP/1.1\n\nhost: x\n\n",
        b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\na\nb\nc\r\n0A;n=\"v\"\r\n0123456789\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n000\r\nx-trailer: 1\r\ny: 2\r\n\r\n",
        b"GET http://x/a?b HTTP/1.0\r\n\r\n",
        long.as_bytes(),
    ];
    let all = requests.concat();
    for part in [1, 2, 3, 7, 100, 8191, usize::MAX] {
        let (through, refusal) = fed(&all, part);
        assert_eq!(refusal, None, "in parts of {part}");
        assert!(
            through == all,
            "in parts of {part}: {}",
            through.escape_ascii()
        );
    }
}

#[test]
fn after_its_preface_http_2_passes_unchanged() {
    let bytes = [PREFACE, b"\n\n\0\xff GET / HTTP/1.1\n\n"].concat();
    for part in [1, 5, 24, usize::MAX] {
        assert_eq!(
            fed(&bytes, part),
            (bytes.clone(), None),
            "in parts of {part}"
        );
    }
    let late = [b"GET / HTTP/1.1\r\n\r\n", PREFACE].concat();
    assert_eq!(refusal(late), Some(Refusal::Version));
}

#[test]
fn a_refused_request_is_replaced_and_nothing_follows() {
    let before = b"POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\na";
    for (bad, replaced) in [
        (&b"GET / HTTP/1.1\nhost: x\n\n"[..], refused(false)),
        (b"HEAD / HTTP/1.1\r\nhost x\r\n\r\n", refused(true)),
    ] {
        let bytes = [before, bad, before].concat();
        for part in [1, 30, usize::MAX] {
            let (through, refusal) = fed(&bytes, part);
            assert!(refusal.is_some());
            assert_eq!(through, [before, replaced].concat(), "in parts of {part}");
        }
    }
}

#[test]
fn every_head_that_is_not_valid_has_its_reason() {
    let with = |headers: &str| format!("POST / HTTP/1.1\r\nhost: x\r\n{headers}\r\n\r\n");
    for (head, reason) in [
        (with("a: b\nc: d"), Refusal::BareLineFeed),
        ("\nGET / HTTP/1.1\r\n\r\n".into(), Refusal::BareLineFeed),
        ("GET / HTTP/1.1\r\n\n".into(), Refusal::BareLineFeed),
        (with("a: b\rc: d"), Refusal::HeaderValue),
        (with("a: b\r\n folded"), Refusal::HeaderName),
        (with(" a: b"), Refusal::HeaderName),
        (with("a : b"), Refusal::HeaderName),
        (with("a"), Refusal::HeaderName),
        (with(": b"), Refusal::HeaderName),
        (with("a\0: b"), Refusal::HeaderName),
        (with("a: b\0"), Refusal::HeaderValue),
        (with("a: \x1b[31m"), Refusal::HeaderValue),
        (with("a: \x7f"), Refusal::HeaderValue),
        (with("content-length: -1"), Refusal::ContentLength),
        (with("content-length: +1"), Refusal::ContentLength),
        (with("content-length: 1, 1"), Refusal::ContentLength),
        (with("content-length: 0x1"), Refusal::ContentLength),
        (with("content-length:"), Refusal::ContentLength),
        (
            with("content-length: 1\r\nContent-Length: 1"),
            Refusal::ContentLength,
        ),
        (
            with("content-length: 18446744073709551615"),
            Refusal::BodyTooLarge,
        ),
        (
            with("content-length: 99999999999999999999999"),
            Refusal::BodyTooLarge,
        ),
        (
            with("content-length: 1\r\ntransfer-encoding: chunked"),
            Refusal::TwoLengths,
        ),
        (
            with("transfer-encoding: chunked\r\ncontent-length: 1"),
            Refusal::TwoLengths,
        ),
        (
            with("transfer-encoding: gzip, chunked"),
            Refusal::TransferCoding,
        ),
        (
            with("transfer-encoding: gzip\r\ntransfer-encoding: chunked"),
            Refusal::TransferCoding,
        ),
        (with("transfer-encoding: identity"), Refusal::TransferCoding),
        (
            with("transfer-encoding: chunked;q=1"),
            Refusal::TransferCoding,
        ),
        (with("transfer-encoding: xchunked"), Refusal::TransferCoding),
        (
            with("transfer-encoding: chunked, chunked"),
            Refusal::TransferEncoding,
        ),
        (
            with("transfer-encoding: chunked\r\ntransfer-encoding: chunked"),
            Refusal::TransferEncoding,
        ),
        (
            with("transfer-encoding: chunked,"),
            Refusal::TransferEncoding,
        ),
        (with("transfer-encoding:"), Refusal::TransferEncoding),
        (
            "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n".into(),
            Refusal::TransferEncoding,
        ),
        ("GET /\r\n\r\n".into(), Refusal::RequestLine),
        ("GET  / HTTP/1.1\r\n\r\n".into(), Refusal::RequestLine),
        ("GET / HTTP/1.1 \r\n\r\n".into(), Refusal::RequestLine),
        ("GET / http/1.1\r\n\r\n".into(), Refusal::RequestLine),
        ("GET /a b HTTP/1.1\r\n\r\n".into(), Refusal::RequestLine),
        ("G\0T / HTTP/1.1\r\n\r\n".into(), Refusal::RequestLine),
        ("\x16\x03\x01\x02".into(), Refusal::RequestLine),
        ("GET /#a HTTP/1.1\r\n\r\n".into(), Refusal::Target),
        ("GET / HTTP/1.2\r\n\r\n".into(), Refusal::Version),
        ("GET / HTTP/2.0\r\n\r\n".into(), Refusal::Version),
        ("GET / HTTP/3.0\r\n\r\n".into(), Refusal::Version),
        (with(&"a: b\r\n".repeat(200)), Refusal::HeadTooLarge),
        (
            with(&format!("a: {}", "b".repeat(LIMIT))),
            Refusal::HeadTooLarge,
        ),
        (
            format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(LIMIT)),
            Refusal::TargetTooLong,
        ),
    ] {
        assert_eq!(refusal(&head), Some(reason), "{}", head.escape_debug());
    }
}

#[test]
fn a_chunked_body_that_is_not_valid_ends_the_connection() {
    let head = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let next = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    for body in [
        "0\n\n",
        "0\r\n\n",
        "1\na\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "x\r\n",
        "-1\r\n",
        "1 a\ra\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n",
        "0\r\na: b\n\r\n",
    ] {
        let bytes = [head, body, next].concat();
        for part in [1, usize::MAX] {
            let (through, refusal) = fed(bytes.as_bytes(), part);
            assert_eq!(refusal, None);
            let through = String::from_utf8(through).unwrap();
            assert!(!through.contains("smuggled"), "{body:?}: {through}");
        }
    }
}

/// Fuzz target: any bytes pass unchanged up to a refusal, and whether they are refused does not depend on how they
/// arrive. They end with an empty line, because a head that is not complete may be refused later.
#[test]
fn any_bytes_pass_unchanged_or_are_refused() {
    bolero::check!().for_each(|input: &[u8]| {
        let bytes = [input, b"\r\n\r\n"].concat();
        let (whole, refusal) = fed(&bytes, usize::MAX);
        for part in [1, 7] {
            let (parts, other) = fed(&bytes, part);
            assert_eq!(refusal.is_some(), other.is_some(), "{refusal:?}, {other:?}");
            let unchanged = |through: &[u8]| {
                let heads = [true, false].map(refused);
                let stand_in = heads.iter().find(|head| through.ends_with(head));
                let end = refusal.and(stand_in).map_or(0, |head| head.len());
                bytes.starts_with(&through[..through.len() - end])
            };
            assert!(unchanged(&whole) && unchanged(&parts));
        }
    });
}
