// SPDX-License-Identifier: MIT

//! The cases about the cost of a task: batches, the submitting half, small groups, trees of groups, memory.

use crate::support::{fail, report, warm_up, Gate};
use crate::Job;
use rayon::Scope;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[inline(never)]
fn empty_task(_argument: usize) {}

fn submit_empty<'scope>(scope: &Scope<'scope>, tasks: usize) {
    for i in 0..tasks {
        scope.spawn(move |_| empty_task(i));
    }
}

/// Small batches are repeated, so that a run lasts long enough.
const BATCH_MIN: usize = 20_000;

pub fn batch_empty(job: &Job) {
    warm_up(job.tasks);
    report(job, || {
        let batches = 1 + BATCH_MIN / job.tasks;
        let begin = Instant::now();
        for _ in 0..batches {
            rayon::scope(|scope| submit_empty(scope, job.tasks));
        }
        begin.elapsed().as_nanos() as f64 / batches as f64 / job.tasks as f64
    });
}

/// Times a batch that is submitted while the other workers are held and run once they are let go.
pub fn halves(workers: usize, submit: impl FnOnce(&Scope) + Send) -> (Duration, Duration) {
    let gate = Gate::new();
    let mut submitted = Duration::ZERO;
    let mut middle = Instant::now();

    rayon::scope(|scope| {
        gate.hold(scope, workers);
        let begin = Instant::now();
        submit(scope);
        middle = Instant::now();
        submitted = middle - begin;
        gate.release();
    });
    (submitted, middle.elapsed())
}

pub fn submit_only(job: &Job) {
    warm_up(job.tasks);
    report(job, || {
        let (submitted, _) = halves(job.workers, |scope| submit_empty(scope, job.tasks));
        submitted.as_nanos() as f64 / job.tasks as f64
    });
}

pub fn drain_only(job: &Job) {
    warm_up(job.tasks);
    report(job, || {
        let (_, drained) = halves(job.workers, |scope| submit_empty(scope, job.tasks));
        drained.as_nanos() as f64 / job.tasks as f64
    });
}

fn groups_time(groups: usize, tasks: usize) -> Duration {
    let begin = Instant::now();

    for _ in 0..groups {
        rayon::scope(|scope| submit_empty(scope, tasks));
    }
    begin.elapsed()
}

pub fn group_small(job: &Job) {
    let mut groups = 16;

    warm_up(job.tasks);
    while groups_time(groups, job.tasks) < Duration::from_millis(20) {
        groups *= 2;
    }
    report(job, || groups_time(groups, job.tasks).as_nanos() as f64 / groups as f64);
}

/// The most memory that the process has had resident, in bytes.
fn peak_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|word| word.parse::<f64>().ok());

    match kilobytes {
        Some(value) => value * 1024.0,
        None => fail("no VmHWM in /proc/self/status"),
    }
}

/// No warm-up, since the peak cannot be taken back: one fresh process measures one figure.
pub fn pending_memory(job: &Job) {
    let gate = Gate::new();
    let ran = AtomicUsize::new(0);
    let mut bytes = 0.0;

    if job.runs != 1 {
        fail("pending_memory takes one run");
    }
    rayon::scope(|scope| {
        let ran = &ran;
        gate.hold(scope, job.workers);
        let before = peak_bytes();
        for i in 0..job.tasks {
            scope.spawn(move |_| {
                ran.fetch_add(1, Ordering::Relaxed);
                empty_task(i);
            });
        }
        bytes = peak_bytes() - before;
        gate.release();
    });
    if ran.into_inner() != job.tasks {
        fail("a task was lost or ran twice");
    }
    println!("{:.3}", bytes / job.tasks as f64);
}

const BRANCHES: u64 = 10;

/// Adds the numbers from `first` on, one a leaf, through a tree of scopes.
fn sum(first: u64, leaves: u64) -> u64 {
    let mut parts = [0; BRANCHES as usize];

    if leaves == 1 {
        return first;
    }
    rayon::scope(|scope| {
        for (i, part) in parts.iter_mut().enumerate() {
            scope.spawn(move |_| *part = sum(first + i as u64 * leaves / BRANCHES, leaves / BRANCHES));
        }
    });
    parts.iter().sum()
}

pub fn skynet(job: &Job) {
    let leaves = job.tasks as u64;
    let run = || {
        let begin = Instant::now();
        let total = sum(0, leaves);
        let took = begin.elapsed();
        if total != leaves * (leaves - 1) / 2 {
            fail("the sum is wrong");
        }
        took.as_nanos() as f64 / leaves as f64
    };

    run();
    report(job, run);
}

fn fib(n: usize) -> u64 {
    if n < 2 {
        return n as u64;
    }
    let (left, right) = rayon::join(|| fib(n - 1), || fib(n - 2));
    left + right
}

/// The number, and the calls that `fib` makes for it.
fn fib_plain(n: usize) -> (u64, u64) {
    let (mut value, mut next, mut calls, mut calls_next) = (0, 1, 1, 1);

    for _ in 0..n {
        (value, next) = (next, value + next);
        (calls, calls_next) = (calls_next, calls + calls_next + 1);
    }
    (value, calls)
}

pub fn fork_join(job: &Job) {
    let (expected, calls) = fib_plain(job.tasks);
    let run = || {
        let begin = Instant::now();
        let value = fib(job.tasks);
        let took = begin.elapsed();
        if value != expected {
            fail("the number is wrong");
        }
        took.as_nanos() as f64 / calls as f64
    };

    run();
    report(job, run);
}

/// Rows above have queens; what they attack in this row, and its free squares that are to be tried, are bits.
#[derive(Clone, Copy)]
struct Queens {
    all: u32,
    columns: u32,
    left: u32,
    right: u32,
    squares: u32,
}

fn place(mut row: Queens) -> u64 {
    let low = row.squares & row.squares.wrapping_neg();

    if low != 0 && row.squares == low {
        row.columns |= low;
        row.left = (row.left | low) << 1;
        row.right = (row.right | low) >> 1;
        if row.columns == row.all {
            return 1;
        }
        row.squares = row.all & !(row.columns | row.left | row.right);
    }
    if row.squares == 0 {
        return 0;
    }
    let low = row.squares & row.squares.wrapping_neg();
    let (first, second) = rayon::join(
        || place(Queens { squares: low, ..row }),
        || place(Queens { squares: row.squares & !low, ..row }),
    );
    first + second
}

pub fn queens(job: &Job) {
    const WAYS: [u64; 15] = [1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200, 73712, 365596];
    let all = (1 << job.tasks) - 1;
    let run = || {
        let begin = Instant::now();
        let ways = place(Queens { all, columns: 0, left: 0, right: 0, squares: all });
        if ways != WAYS[job.tasks] {
            fail("the number is wrong");
        }
        begin.elapsed().as_nanos() as f64 / 1e6
    };

    run();
    report(job, run);
}

/// What one worker has added up, on a cache line pair of its own.
#[derive(Default)]
#[repr(align(128))]
struct Sum(AtomicU64);

impl Sum {
    fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }
}

/// The calls of `fib` as tasks of one scope: each spawns its two halves, and leaves are added up.
fn spawn_fib<'scope>(scope: &Scope<'scope>, n: usize, sums: &'scope [Sum]) {
    if n < 2 {
        sums[rayon::current_thread_index().unwrap_or(0)].add(n as u64);
        return;
    }
    scope.spawn(move |scope| spawn_fib(scope, n - 1, sums));
    scope.spawn(move |scope| spawn_fib(scope, n - 2, sums));
}

pub fn spawn_nested(job: &Job) {
    let (expected, calls) = fib_plain(job.tasks);
    let run = || {
        let sums: Vec<Sum> = (0..job.workers).map(|_| Sum::default()).collect();
        let begin = Instant::now();
        rayon::scope(|scope| spawn_fib(scope, job.tasks, &sums));
        let took = begin.elapsed();
        if sums.iter().map(|sum| sum.0.load(Ordering::Relaxed)).sum::<u64>() != expected {
            fail("a task was lost or ran twice");
        }
        took.as_nanos() as f64 / calls as f64
    };

    run();
    report(job, run);
}
