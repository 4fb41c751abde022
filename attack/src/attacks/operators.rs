//! Against the operators' port.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testkit::client::{Request, connect_within};

use super::{Attack, Logic};
use crate::target::{Tally, Target};

/// How many wrong tokens a second the host may compare.
const GUESSES: f64 = 200.0;

/// How long a guesser waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

pub fn attacks() -> Vec<Attack> {
    vec![Attack::new(
        "wrong-tokens",
        "16 connections to the operators' port guess the token",
        "a rate limit on wrong tokens, which the right token is not subject to",
        Logic::Tasks,
        wrong_tokens,
    )]
}

fn wrong_tokens(target: &Target) -> Result<String> {
    let tally = Tally::default();
    let began = Instant::now();
    target.crowd(16, |attacker| {
        let mut open = None;
        for round in 0.. {
            if target.over() {
                break;
            }
            let guess = format!("Bearer guess-{attacker}-{round}");
            let request = Request::new(target.admin, "GET", "/admin/status")
                .header("authorization", &guess)
                .kept_alive();
            let stream: Option<&mut TcpStream> = match &mut open {
                Some(stream) => Some(stream),
                empty => connect_within(target.admin, PATIENCE)
                    .ok()
                    .map(|stream| empty.insert(stream)),
            };
            let answer = stream.and_then(|stream| request.send_on(stream).ok());
            tally.add(answer.as_ref());
            if answer.is_none() {
                open = None;
            }
        }
    });
    let rate = tally.of("401") as f64 / began.elapsed().as_secs_f64();
    ensure!(
        tally.of("200") == 0 && rate <= GUESSES,
        "{rate:.0} wrong tokens a second were compared ({tally})"
    );
    Ok(tally.to_string())
}
