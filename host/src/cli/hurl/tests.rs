//! Files that are read and played, against a server that answers with what a test gives.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use super::examine::Failed;
use super::{Outcome, Player, parse};

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn a_file_is_a_list_of_requests_with_their_answers() {
    let text = "\
# Everything that a file can have.
POST {{host}}/notes # at the end of a line
Content-Type: application/json
Task-Host-Client: \"me\"
[Query]
dry_run: true
[BasicAuth]
me: secret
{ \"text\": \"{{text}}\", \"tags\": [\"}\", \"\\\"\"] }
HTTP/1.1 201
Location: /notes/1
[Captures]
id: jsonpath \"$.id\"
[Asserts]
jsonpath \"$.text\" == \"a # b\"
jsonpath \"$.tags\" count == 2
header \"etag\" not exists
body matches /^\\{.*\\}$/
{ \"id\": 1 }

GET {{host}}/notes
[Cookies]
a: b
HTTP *
[\"an array\", 1]

PUT {{host}}/raw
```
two
lines
```
HTTP 204
DELETE {{host}}/raw
";
    let file = parse(text).unwrap();
    let requests: Vec<_> = file
        .entries
        .iter()
        .map(|entry| {
            (
                entry.request.line,
                &*entry.request.method,
                &*entry.request.url,
            )
        })
        .collect();
    assert_eq!(
        requests,
        [
            (2, "POST", "{{host}}/notes"),
            (21, "GET", "{{host}}/notes"),
            (27, "PUT", "{{host}}/raw"),
            (33, "DELETE", "{{host}}/raw"),
        ]
    );
    let response = file.entries[0].response.as_ref().unwrap();
    assert_eq!((response.status, response.asserts.len()), (Some(201), 4));
    assert_eq!(file.entries[1].response.as_ref().unwrap().status, None);
    assert!(file.entries[3].response.is_none());
}

#[test]
fn what_a_file_must_not_have_is_named_with_its_line() {
    for (text, expected) in [
        ("hello", "line 1: a request such as `GET {{host}}/things`"),
        ("GET {{host}}/\nHTTP 2000", "line 2: `2000` is not a status"),
        (
            "GET {{host}}/\nHTTP/9 200",
            "line 2: `HTTP/9` is not a version",
        ),
        (
            "GET {{host}}/\n[Options]\nretry: 3",
            "[Options] of a request is not supported",
        ),
        (
            "GET {{host}}/\n[Asserts]\nstatus == 200",
            "[Asserts] comes after the line `HTTP 200`",
        ),
        (
            "GET {{host}}/\nHTTP 200\n[Asserts]\nxpath \"//a\" exists",
            "line 4: `xpath` is not supported",
        ),
        (
            "GET {{host}}/\nHTTP 200\n[Asserts]\nstatus",
            "line 4: a condition such as `== 1`",
        ),
        (
            "GET {{host}}/\nHTTP 200\n[Asserts]\nstatus == two",
            "`two` is not a value",
        ),
        (
            "GET {{host}}/\nHTTP 200\n[Asserts]\nbody daysAfterNow 1",
            "no filter or condition `daysAfterNow`",
        ),
        (
            "GET {{host}}/\nHTTP 200\n[Asserts]\nstatus == 200 201",
            "nothing more is expected here",
        ),
        (
            "GET {{host}}/\nHTTP 200\n[Captures]\nid = 1",
            "line 4: a capture is written as",
        ),
        (
            "POST {{host}}/\n{ \"a\": 1",
            "line 2: the JSON does not end",
        ),
        ("POST {{host}}/\n<a/>", "XML as a body"),
        (
            "POST {{host}}/\n```graphql\n{ a }\n```",
            "```graphql is not supported",
        ),
    ] {
        let error = error(text);
        assert!(error.contains(expected), "{text}\n{error}");
    }
}

#[test]
fn no_text_makes_the_reader_fail_otherwise() {
    let alphabet = [
        "GET {{host}}/",
        "HTTP 200",
        "[Asserts]",
        "[",
        "{",
        "\"",
        "`",
        "```",
        "\\",
        "jsonpath",
        "é",
        "\n",
        "/",
        "{{",
        "base64,",
        "#",
        "==",
        "not ",
        ";",
        "u{",
    ];
    for one in alphabet {
        for two in alphabet {
            for three in alphabet {
                for begin in ["", "GET {{host}}/\nHTTP 200\n[Asserts]\nbody == "] {
                    // Ends, with a file or an error.
                    let _ = parse(&format!("{begin}{one}{two}{three}"));
                }
            }
        }
    }
}

/// Plays a file of one request against an answer. Returns the outcome and the request as it was sent.
fn play(text: &str, answer: &'static str) -> (Outcome, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![0; 64 << 10];
        let mut length = 0;
        // A request of a test arrives at once or ends with this mark.
        while !request[..length].ends_with(b"\r\n\r\n") && !request[..length].ends_with(b"END") {
            match stream.read(&mut request[length..]).unwrap() {
                0 => break,
                read => length += read,
            }
        }
        stream.write_all(answer.as_bytes()).unwrap();
        request.truncate(length);
        String::from_utf8(request).unwrap()
    });
    let file = parse(text).unwrap();
    let variables = [("word".to_owned(), "END".to_owned())];
    let mut player = Player::new(&host, Path::new(""), &variables).unwrap();
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(player.play(&file.entries[0]));
    (outcome, server.join().unwrap())
}

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-a: 1\r\nx-a: 2\r\n\
    set-cookie: session=abc; Path=/\r\nconnection: close\r\n\r\n\
    {\"id\": 7, \"price\": 2.0, \"name\": \"tea\", \"tags\": [\"hot\", \"green\"], \"none\": null, \
    \"at\": \"2026-01-31T12:00:00Z\", \"items\": [{\"id\": 1}, {\"id\": 2}], \"ok\": true}";

#[test]
fn conditions_hold_as_hurl_defines_them() {
    let text = "\
GET {{host}}/
HTTP 200
Content-Type: application/json
[Captures]
id: jsonpath \"$.id\"
first: header \"x-a\" nth 0
[Asserts]
status < 300
version == \"HTTP/1.1\"
url endsWith \"/\"
header \"X-A\" count == 2
header \"content-type\" contains \"json\"
cookie \"session\" == \"abc\"
jsonpath \"$.id\" == {{id}}
jsonpath \"$.id\" == 7
jsonpath \"$.id\" != \"7\"
jsonpath \"$.price\" == 2
jsonpath \"$.price\" isFloat
jsonpath \"$.id\" isInteger
jsonpath \"$.name\" == `tea`
jsonpath \"$.name\" matches /^t.a$/
jsonpath \"$.name\" replace \"t\" \"s\" == \"sea\"
jsonpath \"$.tags\" contains \"hot\"
jsonpath \"$.tags\" not contains \"cold\"
jsonpath \"$.tags\" last == \"green\"
jsonpath \"$.none\" == null
jsonpath \"$.absent\" not exists
jsonpath \"$.items[*].id\" count == 2
jsonpath \"$.items[?(@.id == 2)].id\" nth 0 == 2
jsonpath \"$..id\" count == 3
jsonpath \"$.items[5]\" not exists
jsonpath \"$.at\" isIsoDate
jsonpath \"$.ok\" == true
jsonpath \"$.ok\" isBoolean
jsonpath \"$.tags\" isList
jsonpath \"$.items\" not isEmpty
variable \"first\" toInt == 1
regex \"\\\"id\\\": (\\\\d+)\" == \"7\"
body startsWith \"{\"
bytes count > 100
duration < 60000
";
    let (outcome, _) = play(text, ANSWER);
    assert_eq!(outcome.failed, []);
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.answered.unwrap().0, 200);
}

#[test]
fn a_condition_that_does_not_hold_shows_what_was_expected_and_what_came() {
    let text = "GET {{host}}/\nHTTP 200\n[Asserts]\njsonpath \"$.id\" == \"7\"\n\
        jsonpath \"$.absent\" exists\njsonpath \"$.name\" not startsWith \"t\"\nstatus > 200";
    let (outcome, _) = play(text, ANSWER);
    let failed = |line, condition: &str, expected: &str, actual: &str| Failed {
        line,
        condition: condition.to_owned(),
        expected: expected.to_owned(),
        actual: actual.to_owned(),
    };
    assert_eq!(
        outcome.failed,
        [
            failed(4, "jsonpath \"$.id\" == \"7\"", "\"7\"", "7"),
            failed(5, "jsonpath \"$.absent\" exists", "something", "nothing"),
            failed(
                6,
                "jsonpath \"$.name\" not startsWith \"t\"",
                "not a text that starts with \"t\"",
                "\"tea\""
            ),
            failed(7, "status > 200", "more than 200", "200"),
        ]
    );
    assert!(outcome.body.unwrap().starts_with("{\"id\": 7"));
}

#[test]
fn a_wrong_status_is_the_only_failure() {
    let text =
        "GET {{host}}/\nHTTP 201\n[Captures]\nx: jsonpath \"$.absent\"\n[Asserts]\nbody == \"\"";
    let (outcome, _) = play(text, ANSWER);
    assert_eq!(outcome.failed.len(), 1);
    assert_eq!(outcome.failed[0].expected, "201");
    assert_eq!(outcome.failed[0].actual, "200");
    assert_eq!(outcome.error, None);
}

#[test]
fn a_body_of_json_is_compared_by_its_values() {
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"a\": 1.0, \"b\": [1, 2]}";
    let (same, _) = play("GET {{host}}/\nHTTP 200\n{\"b\": [1, 2], \"a\": 1}", answer);
    assert!(same.is_success());
    let (other, _) = play("GET {{host}}/\nHTTP 200\n{\"b\": [2, 1], \"a\": 1}", answer);
    assert_eq!(other.failed[0].condition, "body");
    assert_eq!(other.failed[0].line, 3);
}

#[test]
fn a_request_is_sent_as_it_is_written() {
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let (outcome, sent) = play("POST {{host}}/\n`{{word}}`", answer);
    assert!(outcome.is_success());
    assert!(sent.starts_with("POST / HTTP/1.1\r\n"), "{sent}");
    assert!(sent.ends_with("\r\n\r\nEND"), "{sent}");
    assert!(!sent.to_lowercase().contains("content-type"), "{sent}");

    let (_, sent) = play(
        "POST {{host}}/a?b=c\n[Query]\nd: e&f g\n[Form]\nw: {{word}}",
        answer,
    );
    assert!(
        sent.starts_with("POST /a?b=c&d=e%26f+g HTTP/1.1\r\n"),
        "{sent}"
    );
    assert!(
        sent.contains("content-type: application/x-www-form-urlencoded\r\n"),
        "{sent}"
    );
    assert!(sent.ends_with("w=END"), "{sent}");
}

#[test]
fn no_request_goes_to_another_host() {
    let file = parse("GET http://example.com/\nHTTP 200").unwrap();
    let mut player = Player::new("http://127.0.0.1:1", Path::new(""), &[]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let outcome = runtime.block_on(player.play(&file.entries[0]));
    let error = outcome.error.unwrap();
    assert!(
        error.reason.contains("requests go to {{host}} only"),
        "{error}"
    );
    assert_eq!(outcome.answered, None);
}

#[test]
fn a_variable_without_a_value_is_named_with_the_known_ones() {
    let file = parse("GET {{host}}/{{nothing}}").unwrap();
    let variables = [("page".to_owned(), "2".to_owned())];
    let mut player = Player::new("http://127.0.0.1:1", Path::new(""), &variables).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let error = runtime
        .block_on(player.play(&file.entries[0]))
        .error
        .unwrap();
    assert_eq!(
        error.to_string(),
        "line 1: the variable nothing has no value here; there are host, page"
    );
}
