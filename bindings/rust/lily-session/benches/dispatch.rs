//! Measures a dispatch that changes one field of twenty. dispatch.c does the same in C. `bindings/rust/bench` runs both.
//!
//!   dispatch journal|memory FOLDER     prints the median of the rounds, in ns a dispatch

use lily_session::{Error, Persistence, Runtime, Storage};
use std::time::Instant;

const INTEGERS: usize = 10;
const FIELDS: usize = 20;
const ROUNDS: usize = 9;
const DISPATCHES: usize = 20_000;

struct Model {
    integers: [i64; INTEGERS],
    strings: [String; FIELDS - INTEGERS],
}

fn main() -> Result<(), Error> {
    let words: Vec<String> = ('a'..='z').map(|letter| format!("{letter} and so it goes")).collect();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let storage = match &arguments[..] {
        [kind, _] if kind == "memory" => Storage::in_memory()?,
        [_, folder] => Storage::open(format!("{folder}/rust.jsonl"))?,
        _ => panic!("usage: dispatch journal|memory FOLDER"),
    };
    let mut fields = Persistence::new();
    for at in 0..INTEGERS {
        fields = fields.field(
            format!("field_{at}"),
            move |model: &Model| &model.integers[at],
            move |model, new| model.integers[at] = new,
        );
    }
    for at in 0..FIELDS - INTEGERS {
        fields = fields.field(
            format!("field_{}", at + INTEGERS),
            move |model: &Model| &model.strings[at],
            move |model, new| model.strings[at] = new,
        );
    }
    let model = Model { integers: [0; INTEGERS], strings: Default::default() };
    let mut runtime = Runtime::new(model, move |model: &mut Model, number: usize| {
        let field = number % FIELDS;
        if field < INTEGERS {
            model.integers[field] += 1;
        } else {
            words[number / FIELDS % words.len()].clone_into(&mut model.strings[field - INTEGERS]);
        }
    });
    runtime.attach(fields, &storage)?;

    let mut rounds = Vec::new();
    let mut number = 0;
    for _ in 0..=ROUNDS {
        let start = Instant::now();
        for _ in 0..DISPATCHES {
            runtime.dispatch(number)?;
            number += 1;
        }
        rounds.push(start.elapsed().as_nanos() as f64 / DISPATCHES as f64);
    }
    rounds.remove(0); // not counted
    rounds.sort_by(f64::total_cmp);
    println!("{:.1}", rounds[ROUNDS / 2]);
    Ok(())
}
