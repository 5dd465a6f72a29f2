// SPDX-License-Identifier: MIT

//! The rayon side of the benchmarks, in the protocol of bench/README.md: `rayon list` and
//! `rayon CASE WORKERS TASKS RUNS`.
//!
//! A pool of WORKERS threads is made before anything is timed. The submitter runs inside the pool (`install`)
//! and is thus one of the WORKERS, which is rayon's documented and faster way: a spawn from outside the pool
//! goes through a shared injector. Batches and groups are `scope` with `spawn`; two halves of a computation
//! are `join`. Loops are parallel iterators over ranges. Rayon has no cancellation, and a panic carries no trace, so
//! these two cases are not here.

mod cases;
mod ranges;
mod support;
mod timing;

use rayon::ThreadPool;
use std::env;
use support::{cannot, fail};

/// What a case is asked to do.
pub struct Job {
    pub workers: usize,
    pub tasks: usize,
    pub runs: usize,
}

type Case = fn(&Job);

const CASES: [(&str, Case); 21] = [
    ("batch_empty", cases::batch_empty),
    ("submit_only", cases::submit_only),
    ("drain_only", cases::drain_only),
    ("group_small", cases::group_small),
    ("pending_memory", cases::pending_memory),
    ("skynet", cases::skynet),
    ("fork_join", cases::fork_join),
    ("fork_both", cases::fork_join),
    ("queens", cases::queens),
    ("spawn_nested", cases::spawn_nested),
    ("stream_1us", timing::stream),
    ("stream_slow", timing::stream_slow),
    ("metg50", timing::metg_flushed),
    ("metg50_stream", timing::metg_stream),
    ("metg_curve", timing::metg_curve),
    ("uneven", timing::uneven),
    ("scaling", timing::scaling),
    ("for_range", ranges::for_range),
    ("for_range_each", ranges::for_range_each),
    ("for_uneven", ranges::for_uneven),
    ("for_ramp", ranges::for_ramp),
];

/// Cases whose submitter is a thread outside the pool, since it sleeps between tasks.
type CaseOutside = fn(&ThreadPool, &Job);

const OUTSIDE: [(&str, CaseOutside); 3] =
    [("wake_idle", timing::wake_idle), ("wake_worker", timing::wake_worker), ("idle_cpu", timing::idle_cpu)];

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| fail(&format!("not a number: {text}")))
}

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();

    if words.len() == 1 && words[0] == "list" {
        CASES.iter().for_each(|(name, _)| println!("{name}"));
        OUTSIDE.iter().for_each(|(name, _)| println!("{name}"));
        return;
    }
    if words.len() != 4 {
        fail("usage: CASE WORKERS TASKS RUNS, or list");
    }
    let job = Job { workers: number(&words[1]), tasks: number(&words[2]), runs: number(&words[3]) };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(job.workers)
        .build()
        .unwrap_or_else(|error| fail(&error.to_string()));
    if let Some((_, case)) = OUTSIDE.iter().find(|(name, _)| *name == words[0]) {
        case(&pool, &job);
    } else if let Some((_, case)) = CASES.iter().find(|(name, _)| *name == words[0]) {
        pool.install(|| case(&job));
    } else {
        cannot("not a case of this runtime");
    }
}
