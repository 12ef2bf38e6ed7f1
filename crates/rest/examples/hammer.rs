//! Changes the requests of `tests/hostile/requests.txt` at random and reads, plans and writes them as SQL, for as many
//! seconds as told: `cargo run -p rest --features fuzz --example hammer -- 300`. A panic ends it, with the request.

use std::time::{Duration, Instant};

use base::Random;

const CORPUS: &str = include_str!("../tests/hostile/requests.txt");

/// Pieces of the languages that a request is written in.
const PIECES: [&str; 48] = [
    "(",
    ")",
    ",",
    ".",
    ":",
    "::",
    "!",
    "*",
    "\"",
    "\\",
    "'",
    "$1",
    "$$",
    ";",
    "--",
    "->",
    "->>",
    "%00",
    "%22",
    "%FF",
    "%5C",
    "...",
    "and",
    "or",
    "not.",
    "in.(",
    "eq(any).",
    "fts(",
    "is.null",
    "select=",
    "order=",
    "limit=",
    "offset=",
    "columns=",
    "on_conflict=",
    "&",
    "=",
    "{",
    "}",
    "[",
    "]",
    "null",
    "-1",
    "9223372036854775808",
    "1e999",
    "directors",
    "films",
    "\u{202e}",
];

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60);
    let requests: Vec<&[u8]> = CORPUS.split("\n===\n").map(str::as_bytes).collect();
    let mut dice = Dice(Random::system());
    let (end, mut tried, mut planned) = (Instant::now() + Duration::from_secs(seconds), 0_u64, 0_u64);
    while Instant::now() < end {
        let mut request = requests[dice.below(requests.len())].to_vec();
        for _ in 0..=dice.below(6) {
            change(&mut request, &mut dice, &requests);
        }
        tried += 1;
        match std::panic::catch_unwind(|| rest::sql::hostile(&request)) {
            Ok(was_planned) => planned += u64::from(was_planned),
            Err(_) => {
                println!("after {tried} requests:\n{}\n{request:?}", String::from_utf8_lossy(&request));
                std::process::exit(1);
            }
        }
    }
    println!("{tried} requests, {planned} of them planned, no panic and nothing foreign in a statement");
}

struct Dice(Random);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        usize::from(u16::from_le_bytes(self.0.bytes::<2>())) % limit.max(1)
    }
}

fn change(request: &mut Vec<u8>, dice: &mut Dice, requests: &[&[u8]]) {
    let at = dice.below(request.len() + 1);
    let end = (at + dice.below(12)).min(request.len());
    match dice.below(6) {
        0 => drop(request.drain(at..end)),
        1 => drop(request.splice(at..at, PIECES[dice.below(PIECES.len())].bytes())),
        2 => drop(request.splice(at..end, PIECES[dice.below(PIECES.len())].bytes())),
        3 => {
            let piece = request[at..end].repeat(1 + dice.below(4));
            drop(request.splice(at..at, piece));
        }
        4 => {
            let other = requests[dice.below(requests.len())];
            let from = dice.below(other.len());
            let piece = &other[from..(from + dice.below(30)).min(other.len())];
            drop(request.splice(at..end, piece.iter().copied()));
        }
        _ => {
            if let Some(byte) = request.get_mut(at) {
                *byte = dice.0.bytes::<1>()[0];
            }
        }
    }
}
