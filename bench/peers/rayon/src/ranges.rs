// SPDX-License-Identifier: MIT

//! The cases about loops over ranges. An iterator over a range is divided by rayon, whether the body is a sum in a plain
//! loop or a call.

use crate::support::{fail, report, spin, Speed};
use crate::timing::pareto_lengths;
use crate::Job;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use std::arch::asm;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

const TERM: u64 = 0x9e3779b97f4a7c15;
const TERM_STEPS: u32 = 4;

/// The same as `bench_term` in bench.h.
#[inline(always)]
fn term(index: usize) -> u64 {
    let mut term = index as u64;

    for _ in 0..TERM_STEPS {
        term = term.wrapping_mul(TERM);
        // SAFETY: no instruction at all; it only makes the value unknown.
        unsafe { asm!("/* {0} */", inout(reg) term, options(pure, nomem, nostack, preserves_flags)) };
    }
    term
}

/// Needs the index, and that is all.
#[inline(never)]
fn call(index: usize) {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {0} */", in(reg) index, options(nomem, nostack, preserves_flags)) };
}

const MARKS: usize = 10_000_000;

fn check_each(count: usize) {
    let marks: Vec<AtomicU8> = (0..count).map(|_| AtomicU8::new(0)).collect();

    (0..count).into_par_iter().for_each(|i| {
        marks[i].fetch_add(1, Ordering::Relaxed);
    });
    if marks.iter().any(|mark| mark.load(Ordering::Relaxed) != 1) {
        fail("an index was lost or came twice");
    }
}

pub fn for_range(job: &Job) {
    let count = job.tasks as u64;
    let pairs = if count % 2 == 0 {
        (count / 2).wrapping_mul(count - 1)
    } else {
        count.wrapping_mul((count - 1) / 2)
    };
    let expected = (0..TERM_STEPS).fold(pairs, |sum, _| sum.wrapping_mul(TERM));
    let run = || {
        let begin = Instant::now();
        let sum = (0..job.tasks).into_par_iter().map(term).reduce(|| 0, u64::wrapping_add);
        let took = begin.elapsed();
        if sum != expected {
            fail("indices were lost or came twice");
        }
        took.as_nanos() as f64 / job.tasks as f64
    };

    run();
    report(job, run);
}

pub fn for_range_each(job: &Job) {
    check_each(job.tasks.min(MARKS));
    report(job, || {
        let begin = Instant::now();
        (0..job.tasks).into_par_iter().for_each(call);
        begin.elapsed().as_nanos() as f64 / job.tasks as f64
    });
}

fn uneven(job: &Job, lengths: &[f64]) {
    let speed = Speed::measure();
    let steps: Vec<u64> = lengths.iter().map(|length| speed.steps(*length)).collect();
    let longest = lengths.iter().copied().fold(0.0, f64::max);
    let ideal = (lengths.iter().sum::<f64>() / job.workers as f64).max(longest);

    check_each(job.tasks);
    report(job, || {
        let begin = Instant::now();
        (0..job.tasks).into_par_iter().for_each(|i| spin(steps[i]));
        begin.elapsed().as_nanos() as f64 / ideal
    });
}

pub fn for_uneven(job: &Job) {
    uneven(job, &pareto_lengths(job.tasks));
}

/// Lengths that rise evenly, 20 us on average.
pub fn for_ramp(job: &Job) {
    let lengths: Vec<f64> = (0..job.tasks).map(|i| 40e3 * (i as f64 + 0.5) / job.tasks as f64).collect();

    uneven(job, &lengths);
}
