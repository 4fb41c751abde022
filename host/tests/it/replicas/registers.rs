//! Tasks as registers: several workers write, read and swap their descriptions concurrently. Every
//! history must be linearizable, including a final read on every host.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::json;

use super::client::{Client, Outcome, RequestSpec};
use super::cluster::Cluster;
use super::linearizability::{Action, Operation, check_linearizable};
use crate::client::Answer;
use crate::harness::eventually;

const REGISTERS: usize = 4;

pub struct Registers<'a> {
    client: &'a Client<'a>,
    registers: Vec<Register>,
    /// The next value. Each value is written once, so that it identifies its write.
    next: AtomicU64,
    epoch: Instant,
}

struct Register {
    path: String,
    history: Mutex<Vec<Operation>>,
}

impl<'a> Registers<'a> {
    pub fn new(client: &'a Client<'a>) -> Self {
        let register = |number: usize| {
            let body = json!({"title": "register", "category": "testing", "description": "0"});
            let request = RequestSpec::new("POST", "/tasks")
                .header("idempotency-key", format!("register-{number}"))
                .json(body);
            let made = client.send_until_answered(&request).expect(201).json();
            Register {
                path: format!("/tasks/{}", made["id"]),
                history: Mutex::default(),
            }
        };
        Self {
            client,
            registers: (0..REGISTERS).map(register).collect(),
            next: AtomicU64::new(1),
            epoch: Instant::now(),
        }
    }

    /// Runs one operation after the other on the registers until `stop` is set.
    pub fn work(&self, worker: usize, stop: &AtomicBool) {
        for turn in worker.. {
            if stop.load(Relaxed) {
                break;
            }
            // Seven and four have no common divisor, so every kind of operation runs on every register.
            let register = &self.registers[turn % REGISTERS];
            match turn % 7 {
                0 | 3 => self.write(register, "PUT", "application/json"),
                5 => self.write(register, "PATCH", "application/merge-patch+json"),
                1 | 4 => self.swap(register),
                _ => drop(self.read(register)),
            }
        }
    }

    /// Whether enough operations ran for [`Registers::check`] to be meaningful.
    pub fn has_run(&self) -> bool {
        let mut registers = self.registers.iter();
        registers.all(|register| register.lock().len() > 30)
    }

    /// Reads each register a last time on each host, and asserts that its history is linearizable.
    pub fn check(&self, cluster: &Cluster) {
        let mut operations = 0;
        for register in &self.registers {
            for host in &cluster.hosts {
                // Retries, because only the values matter here. Another test measures how soon a
                // host recovers.
                let (called, answer) = eventually("the host reads", || {
                    let called = self.now();
                    let answer = host.get(&register.path);
                    (answer.status == 200).then_some((called, answer))
                });
                self.record(register, called, true, Action::Read(value(&answer)));
            }
            let history = register.lock().clone();
            operations += history.len();
            if let Err(reason) = check_linearizable(history) {
                panic!("{}: {reason}", register.path);
            }
        }
        println!("{operations} operations on {REGISTERS} registers are linearizable");
    }

    /// Reads the value. A read without an answer is not recorded, because no client saw a value.
    fn read(&self, register: &Register) -> Option<Answer> {
        let called = self.now();
        match self
            .client
            .try_once(&RequestSpec::new("GET", &register.path))
        {
            Outcome::Answered(answer) => {
                let answer = answer.expect(200);
                self.record(register, called, true, Action::Read(value(&answer)));
                Some(answer)
            }
            _ => None,
        }
    }

    fn write(&self, register: &Register, method: &'static str, media_type: &'static str) {
        let value = self.next.fetch_add(1, Relaxed);
        let request = RequestSpec::new(method, &register.path)
            .body(media_type, json!({"description": value.to_string()}));
        let called = self.now();
        match self.client.try_once(&request) {
            Outcome::Answered(answer) => {
                assert_eq!(self::value(&answer.expect(200)), value);
                self.record(register, called, true, Action::Write(value));
            }
            Outcome::Lost => self.record(register, called, false, Action::Write(value)),
            Outcome::Refused => {}
        }
    }

    /// Reads the value, then writes another one if the register has not changed since.
    fn swap(&self, register: &Register) {
        let Some(seen) = self.read(register) else {
            return;
        };
        let (from, to) = (value(&seen), self.next.fetch_add(1, Relaxed));
        let request = RequestSpec::new("PUT", &register.path)
            .header("if-match", seen.expect_header("etag"))
            .json(json!({"description": to.to_string()}));
        let called = self.now();
        match self.client.try_once(&request) {
            Outcome::Answered(answer) if answer.status == 412 => {
                self.record(register, called, true, Action::RejectedSwap(from));
            }
            Outcome::Answered(answer) => {
                assert_eq!(value(&answer.expect(200)), to);
                self.record(register, called, true, Action::Swap(from, to));
            }
            Outcome::Lost => self.record(register, called, false, Action::Swap(from, to)),
            Outcome::Refused => {}
        }
    }

    fn record(&self, register: &Register, called: u64, answered: bool, action: Action) {
        let answered = answered.then(|| self.now());
        register.lock().push(Operation {
            called,
            answered,
            action,
        });
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).expect("less than 584 years")
    }
}

impl Register {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Operation>> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[track_caller]
fn value(answer: &Answer) -> u64 {
    let task = answer.json();
    let text = task["description"].as_str().expect("a description");
    text.parse().expect("a number")
}
