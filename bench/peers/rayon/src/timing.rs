// SPDX-License-Identifier: MIT

//! The cases about tasks that do something: streams, METG, uneven lengths, scaling, wake-ups.

use crate::cases::halves;
use crate::support::{cannot, fail, report, spin, warm_up, Speed};
use crate::Job;
use rayon::ThreadPool;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Submits tasks of `steps` each, spinning for `gap` steps after each, and returns the makespan.
fn stream_time(tasks: usize, steps: u64, gap: u64) -> Duration {
    let begin = Instant::now();

    rayon::scope(|scope| {
        for _ in 0..tasks {
            scope.spawn(move |_| spin(steps));
            if gap > 0 {
                spin(gap);
            }
        }
    });
    begin.elapsed()
}

fn percent(ideal: f64, makespan: Duration) -> f64 {
    100.0 * ideal / makespan.as_nanos() as f64
}

const STREAM_NS: f64 = 1000.0;

pub fn stream(job: &Job) {
    let steps = Speed::measure().steps(STREAM_NS);

    warm_up(job.tasks);
    report(job, || {
        percent(job.tasks as f64 * STREAM_NS / job.workers as f64, stream_time(job.tasks, steps, 0))
    });
}

/// The submitter needs as long for a task as a worker does; the ideal is its own time.
pub fn stream_slow(job: &Job) {
    let steps = Speed::measure().steps(STREAM_NS);

    warm_up(job.tasks);
    report(job, || percent(job.tasks as f64 * STREAM_NS, stream_time(job.tasks, steps, steps)));
}

pub fn scaling(job: &Job) {
    let steps = Speed::measure().steps(STREAM_NS);

    warm_up(job.tasks);
    report(job, || job.tasks as f64 / stream_time(job.tasks, steps, 0).as_secs_f64());
}

/// The work in a METG trial, in ns: longer tasks are fewer.
const METG_WORK_MAX: f64 = 100e6;
const METG_TASKS_MIN: f64 = 1000.0;
const METG_TRIALS: usize = 3;
const METG_PRECISION: f64 = 1.03;
const METG_STEPS_MIN: u64 = 1;
/// More than 0.1 ms.
const METG_STEPS_MAX: u64 = 1 << 17;
/// From 4 ns to 65536 ns.
const CURVE_DOUBLINGS: RangeInclusive<u32> = 2..=16;

/// Executes tasks of so many steps and returns the makespan that counts.
type Measure = fn(workers: usize, tasks: usize, steps: u64) -> Duration;

fn time_streaming(_workers: usize, tasks: usize, steps: u64) -> Duration {
    stream_time(tasks, steps, 0)
}

/// Counts from the moment the held workers are let go, with everything submitted.
fn time_flushed(workers: usize, tasks: usize, steps: u64) -> Duration {
    let (_, drained) = halves(workers, |scope| {
        for _ in 0..tasks {
            scope.spawn(move |_| spin(steps));
        }
    });
    drained
}

/// Calls the work of so many tasks in a plain loop.
fn time_serial(tasks: usize, steps: u64) -> Duration {
    let begin = Instant::now();

    for _ in 0..tasks {
        spin(steps);
    }
    begin.elapsed()
}

/// The length of a task, and the efficiency: the makespan against the same calls in a plain loop, the median
/// of a few times each. The length is that of one call in the loop.
fn efficiency(job: &Job, speed: &Speed, steps: u64, measure: Measure) -> (f64, f64) {
    let mut tasks = job.tasks;
    let work = tasks as f64 * speed.nanoseconds(steps);
    let (mut serial, mut parallel) = ([0.0; METG_TRIALS], [0.0; METG_TRIALS]);

    if work > METG_WORK_MAX {
        tasks = (METG_WORK_MAX / speed.nanoseconds(steps)).max(METG_TASKS_MIN) as usize;
    }
    for i in 0..METG_TRIALS {
        serial[i] = time_serial(tasks, steps).as_nanos() as f64;
        parallel[i] = measure(job.workers, tasks, steps).as_nanos() as f64;
    }
    serial.sort_by(f64::total_cmp);
    parallel.sort_by(f64::total_cmp);
    let (one, all) = (serial[METG_TRIALS / 2], parallel[METG_TRIALS / 2]);
    (one / tasks as f64, one / job.workers as f64 / all)
}

/// The length at which the efficiency crosses one half.
fn metg(job: &Job, measure: Measure) -> f64 {
    let speed = Speed::measure();
    let (mut short, mut long) = (0, METG_STEPS_MIN);
    let (mut found, mut part) = efficiency(job, &speed, long, measure);

    while part < 0.5 {
        if long >= METG_STEPS_MAX {
            cannot("not even tasks of 0.1 ms reach 50 %");
        }
        (short, long) = (long, 2 * long);
        (found, part) = efficiency(job, &speed, long, measure);
    }
    while short > 0 && long as f64 > METG_PRECISION * short as f64 && long - short > 1 {
        let middle = ((short as f64 * long as f64).sqrt() + 0.5) as u64;
        let (length, part) = efficiency(job, &speed, middle, measure);
        if part < 0.5 {
            short = middle;
        } else {
            (long, found) = (middle, length);
        }
    }
    found
}

pub fn metg_stream(job: &Job) {
    warm_up(job.tasks);
    report(job, || metg(job, time_streaming));
}

pub fn metg_flushed(job: &Job) {
    warm_up(job.tasks);
    report(job, || metg(job, time_flushed));
}

pub fn metg_curve(job: &Job) {
    let speed = Speed::measure();

    warm_up(job.tasks);
    for _ in 0..job.runs {
        for doubling in CURVE_DOUBLINGS {
            let ns = 1u64 << doubling;
            let (_, part) = efficiency(job, &speed, speed.steps(ns as f64), time_streaming);
            println!("{ns} {:.3}", 100.0 * part);
        }
    }
}

/// The same for every runtime: a fixed seed, mean near 20 us, at most 5 ms.
pub fn pareto_lengths(tasks: usize) -> Vec<f64> {
    const SHAPE: f64 = 1.3;
    const LEAST: f64 = 4600.0;
    const MOST: f64 = 5e6;
    let mut x = 88172645463325252u64;

    (0..tasks)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            let u = ((x >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
            (LEAST * u.powf(-1.0 / SHAPE)).min(MOST)
        })
        .collect()
}

pub fn uneven(job: &Job) {
    let speed = Speed::measure();
    let lengths = pareto_lengths(job.tasks);
    let steps: Vec<u64> = lengths.iter().map(|length| speed.steps(*length)).collect();
    let longest = lengths.iter().copied().fold(0.0, f64::max);
    let ideal = (lengths.iter().sum::<f64>() / job.workers as f64).max(longest);

    warm_up(job.tasks);
    report(job, || {
        let begin = Instant::now();
        rayon::scope(|scope| {
            for step in &steps {
                scope.spawn(move |_| spin(*step));
            }
        });
        begin.elapsed().as_nanos() as f64 / ideal
    });
}

/// The CPU time of the process, in seconds.
fn cpu_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };

    // SAFETY: the only pointer is to a local that outlives the call.
    if unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) } != 0 {
        fail("no CPU time");
    }
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

const TRIPS_MIN: usize = 300;
const TRIPS_MAX: usize = 4000;
/// The pauses of a run last about this long together, with what the kernel adds to each.
const WAKE_RUN_US: usize = 200_000;
const WAKE_SLEEP_US: usize = 60;

/// Times round trips. The parameter is the pause between tasks in microseconds.
fn wake(pool: &ThreadPool, job: &Job, trip: impl Fn(&'static AtomicUsize)) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let gap = Duration::from_micros(job.tasks as u64);
    let trips = (WAKE_RUN_US / (job.tasks + WAKE_SLEEP_US)).clamp(TRIPS_MIN, TRIPS_MAX);

    pool.install(|| warm_up(1000));
    for _ in 0..job.runs {
        let (begin, cpu) = (Instant::now(), cpu_time());
        let mut ns: Vec<f64> = Vec::with_capacity(trips);
        for _ in 0..trips {
            if !gap.is_zero() {
                std::thread::sleep(gap);
            }
            let start = Instant::now();
            trip(&COUNT);
            ns.push(start.elapsed().as_nanos() as f64);
        }
        let busy = (cpu_time() - cpu) / begin.elapsed().as_secs_f64();
        ns.sort_by(f64::total_cmp);
        println!("{:.1} {:.1} {:.3}", ns[trips / 2], ns[trips * 99 / 100], 100.0 * busy);
    }
    if COUNT.load(Ordering::SeqCst) != trips * job.runs {
        fail("a task was lost or ran twice");
    }
}

/// `install` submits a task and waits until it has run.
pub fn wake_idle(pool: &ThreadPool, job: &Job) {
    wake(pool, job, |count| {
        pool.install(|| count.fetch_add(1, Ordering::SeqCst));
    });
}

/// The task itself tells that it has run.
pub fn wake_worker(pool: &ThreadPool, job: &Job) {
    let (sender, receiver) = channel();

    wake(pool, job, |count| {
        let sender = sender.clone();
        pool.spawn(move || {
            count.fetch_add(1, Ordering::SeqCst);
            sender.send(()).unwrap();
        });
        receiver.recv().unwrap();
    });
}

const IDLE_BEGIN: Duration = Duration::from_millis(1);
const IDLE_LENGTH: Duration = Duration::from_millis(100);

/// The share of a CPU that is used from 1 ms to 101 ms after the last of some tasks.
pub fn idle_cpu(pool: &ThreadPool, job: &Job) {
    report(job, || {
        for _ in 0..job.tasks {
            pool.install(|| ());
        }
        std::thread::sleep(IDLE_BEGIN);
        let cpu = cpu_time();
        std::thread::sleep(IDLE_LENGTH);
        100.0 * (cpu_time() - cpu) / IDLE_LENGTH.as_secs_f64()
    });
}
