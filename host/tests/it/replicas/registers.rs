//! Tasks used as registers: their descriptions are written, read and swapped by many at a time, and
//! every history has to be linearizable, up to a last read on every host after the storm.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::json;

use super::client::{Ask, Client, Outcome};
use super::cluster::Cluster;
use super::history::{Action, Operation, linearizable};
use crate::client::Answer;
use crate::harness::eventually;

const REGISTERS: usize = 4;

pub struct Registers<'a> {
    client: &'a Client<'a>,
    registers: Vec<Register>,
    /// Values are written once, so that each tells who wrote it.
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
            let ask = Ask::new("POST", "/tasks")
                .header("idempotency-key", format!("register-{number}"))
                .json(body);
            let made = client.insist(&ask).expect(201).json();
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

    /// Works on the registers, one operation after the other, until it is over.
    pub fn work(&self, worker: usize, over: &AtomicBool) {
        for turn in worker.. {
            if over.load(Relaxed) {
                break;
            }
            // Seven and four have no common divisor: each does everything to each.
            let register = &self.registers[turn % REGISTERS];
            match turn % 7 {
                0 | 3 => self.write(register, "PUT", "application/json"),
                5 => self.write(register, "PATCH", "application/merge-patch+json"),
                1 | 4 => self.swap(register),
                _ => drop(self.read(register)),
            }
        }
    }

    /// Whether enough was done for a check to mean something.
    pub fn has_run(&self) -> bool {
        let mut registers = self.registers.iter();
        registers.all(|register| register.lock().len() > 30)
    }

    /// Reads each register a last time on each host, and looks at what everybody saw.
    pub fn check(&self, cluster: &Cluster) {
        let mut operations = 0;
        for register in &self.registers {
            for host in &cluster.hosts {
                // It is about what is there: how soon a host is back is told elsewhere.
                let (called, answer) = eventually("the host reads", || {
                    let called = self.now();
                    let answer = host.get(&register.path);
                    (answer.status == 200).then_some((called, answer))
                });
                self.note(register, called, true, Action::Read(value(&answer)));
            }
            let history = register.lock().clone();
            operations += history.len();
            if let Err(reason) = linearizable(history) {
                panic!("{}: {reason}", register.path);
            }
        }
        println!("{operations} operations on {REGISTERS} registers are linearizable");
    }

    /// Nothing is noted where no answer came: nobody has seen anything.
    fn read(&self, register: &Register) -> Option<Answer> {
        let called = self.now();
        match self.client.once(&Ask::new("GET", &register.path)) {
            Outcome::Answered(answer) => {
                let answer = answer.expect(200);
                self.note(register, called, true, Action::Read(value(&answer)));
                Some(answer)
            }
            _ => None,
        }
    }

    fn write(&self, register: &Register, method: &'static str, media_type: &'static str) {
        let value = self.next.fetch_add(1, Relaxed);
        let ask = Ask::new(method, &register.path)
            .body(media_type, json!({"description": value.to_string()}));
        let called = self.now();
        match self.client.once(&ask) {
            Outcome::Answered(answer) => {
                assert_eq!(self::value(&answer.expect(200)), value);
                self.note(register, called, true, Action::Write(value));
            }
            Outcome::Lost => self.note(register, called, false, Action::Write(value)),
            Outcome::Refused => {}
        }
    }

    /// Reads, then writes where nothing has changed since.
    fn swap(&self, register: &Register) {
        let Some(seen) = self.read(register) else {
            return;
        };
        let (from, to) = (value(&seen), self.next.fetch_add(1, Relaxed));
        let ask = Ask::new("PUT", &register.path)
            .header("if-match", seen.expect_header("etag"))
            .json(json!({"description": to.to_string()}));
        let called = self.now();
        match self.client.once(&ask) {
            Outcome::Answered(answer) if answer.status == 412 => {
                self.note(register, called, true, Action::Refused(from));
            }
            Outcome::Answered(answer) => {
                assert_eq!(value(&answer.expect(200)), to);
                self.note(register, called, true, Action::Swap(from, to));
            }
            Outcome::Lost => self.note(register, called, false, Action::Swap(from, to)),
            Outcome::Refused => {}
        }
    }

    fn note(&self, register: &Register, called: u64, answered: bool, action: Action) {
        let answered = answered.then(|| self.now());
        register.lock().push(Operation {
            called,
            answered,
            action,
        });
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).expect("a test ends before that")
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
