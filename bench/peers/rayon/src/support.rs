// SPDX-License-Identifier: MIT

//! What the cases share: failing, counting tasks, holding workers, and work of a given length.

use crate::Job;
use rayon::Scope;
use std::arch::asm;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Instant;

pub fn fail(reason: &str) -> ! {
    eprintln!("rayon: {reason}");
    std::process::exit(1);
}

const EXIT_CANNOT: i32 = 77;

/// Ends the program for a case that it cannot do.
pub fn cannot(reason: &str) -> ! {
    eprintln!("{reason}");
    std::process::exit(EXIT_CANNOT);
}

/// Runs a batch whose tasks count themselves, one counter each, to see that each ran once.
pub fn warm_up(tasks: usize) {
    let counts: Vec<AtomicU8> = (0..tasks).map(|_| AtomicU8::new(0)).collect();

    rayon::scope(|scope| {
        for count in &counts {
            scope.spawn(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    if counts.iter().any(|count| count.load(Ordering::Relaxed) != 1) {
        fail("a task was lost or ran twice");
    }
}

pub fn report(job: &Job, mut run: impl FnMut() -> f64) {
    for _ in 0..job.runs {
        println!("{:.3}", run());
    }
}

/// Holds all workers but the submitter's own until it is opened.
pub struct Gate {
    held: AtomicUsize,
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub fn new() -> Gate {
        Gate { held: AtomicUsize::new(0), open: Mutex::new(false), opened: Condvar::new() }
    }

    pub fn hold<'scope>(&'scope self, scope: &Scope<'scope>, workers: usize) {
        for _ in 1..workers {
            scope.spawn(move |_| {
                self.held.fetch_add(1, Ordering::SeqCst);
                let mut open = self.open.lock().unwrap();
                while !*open {
                    open = self.opened.wait(open).unwrap();
                }
            });
        }
        while self.held.load(Ordering::SeqCst) < workers - 1 {
            std::thread::yield_now();
        }
    }

    pub fn release(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

/// A chain of dependent multiplications, which the compiler may not shorten. A loop that polls the clock
/// would count the time in which its thread does not run as work, and is too coarse below 50 ns.
#[inline(never)]
pub fn spin(steps: u64) {
    let mut x = steps;

    for _ in 0..steps {
        x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        // SAFETY: no instruction at all; it only makes the value needed.
        unsafe { asm!("/* {0} */", inout(reg) x, options(nomem, nostack, preserves_flags)) };
    }
}

/// How many steps of `spin` take a nanosecond.
pub struct Speed(f64);

impl Speed {
    /// Takes the fastest of a few loops, because nothing makes a loop faster than it is.
    pub fn measure() -> Speed {
        const STEPS: u64 = 2_000_000;
        let mut best = 0.0f64;

        for _ in 0..5 {
            let begin = Instant::now();
            spin(STEPS);
            best = best.max(STEPS as f64 / begin.elapsed().as_nanos() as f64);
        }
        Speed(best)
    }

    pub fn steps(&self, ns: f64) -> u64 {
        (ns * self.0 + 0.5) as u64
    }

    pub fn nanoseconds(&self, steps: u64) -> f64 {
        steps as f64 / self.0
    }
}
