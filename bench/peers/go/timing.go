// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"math"
	"sort"
	"sync/atomic"
	"syscall"
	"time"
)

// The cases about tasks that do something: streams, METG, uneven lengths, scaling, wake-ups.

// streamTime submits tasks of steps each, spinning for gap steps after each, and returns the makespan.
func streamTime(workers, tasks, steps, gap int) time.Duration {
	g := open(workers)
	begin := time.Now()
	for i := 0; i < tasks; i++ {
		g.Go(func() error { spin(steps); return nil })
		if gap > 0 {
			spin(gap)
		}
	}
	mustWait(g)
	return time.Since(begin)
}

func percent(ideal float64, makespan time.Duration) float64 {
	return 100 * ideal / float64(makespan.Nanoseconds())
}

const streamNs = 1000

func stream(workers, tasks, runs int) {
	warmUp(workers, tasks)
	steps := stepsFor(streamNs)
	report(runs, func() float64 {
		return percent(float64(tasks)*streamNs/float64(workers), streamTime(workers, tasks, steps, 0))
	})
}

// streamSlow has a submitter that needs as long for a task as a worker does; the ideal is its own time.
func streamSlow(workers, tasks, runs int) {
	warmUp(workers, tasks)
	steps := stepsFor(streamNs)
	report(runs, func() float64 {
		return percent(float64(tasks)*streamNs, streamTime(workers, tasks, steps, steps))
	})
}

func scaling(workers, tasks, runs int) {
	warmUp(workers, tasks)
	steps := stepsFor(streamNs)
	report(runs, func() float64 {
		return float64(tasks) / streamTime(workers, tasks, steps, 0).Seconds()
	})
}

const metgWorkMax = 100e6 // ns of work in a trial: longer tasks are fewer
const metgTasksMin = 1000
const metgTrials = 3
const metgPrecision = 1.03
const metgStepsMin = 1
const metgStepsMax = 1 << 17 // more than 0.1 ms
const curveNsMin, curveNsMax = 4, 65536

// A metgTime executes tasks of steps each and returns the makespan that counts.
type metgTime func(workers, tasks, steps int) time.Duration

func timeStreaming(workers, tasks, steps int) time.Duration {
	return streamTime(workers, tasks, steps, 0)
}

// timeFlushed counts from the moment the held workers are let go, with everything submitted.
func timeFlushed(workers, tasks, steps int) time.Duration {
	_, drained := halves(workers, tasks, func(g *group) {
		for i := 0; i < tasks; i++ {
			g.Go(func() error { spin(steps); return nil })
		}
	})
	return drained
}

func median(values []float64) float64 {
	sort.Float64s(values)
	return values[len(values)/2]
}

// serialTime calls the work of so many tasks in a plain loop.
func serialTime(tasks, steps int) float64 {
	begin := time.Now()
	for i := 0; i < tasks; i++ {
		spin(steps)
	}
	return float64(time.Since(begin).Nanoseconds())
}

// efficiency compares the makespan with the same calls in a plain loop, the median of a few times each. The
// length is that of one call in the loop.
func efficiency(workers, tasks, steps int, measure metgTime) (length, part float64) {
	var serial, parallel [metgTrials]float64
	if ns := float64(steps) / stepsPerNs; float64(tasks)*ns > metgWorkMax {
		tasks = int(math.Max(metgTasksMin, metgWorkMax/ns))
	}
	for i := range serial {
		serial[i] = serialTime(tasks, steps)
		parallel[i] = float64(measure(workers, tasks, steps).Nanoseconds())
	}
	loop := median(serial[:])
	return loop / float64(tasks), loop / float64(workers) / median(parallel[:])
}

// metg returns the length at which the efficiency crosses one half.
func metg(workers, tasks int, measure metgTime) float64 {
	calibrate()
	short, long := 0, metgStepsMin
	found, part := efficiency(workers, tasks, long, measure)
	for part < 0.5 {
		if long >= metgStepsMax {
			cannot("not even tasks of 0.1 ms reach 50 %")
		}
		short, long = long, 2*long
		found, part = efficiency(workers, tasks, long, measure)
	}
	for short > 0 && float64(long) > metgPrecision*float64(short) && long-short > 1 {
		middle := int(math.Sqrt(float64(short)*float64(long)) + 0.5)
		if length, part := efficiency(workers, tasks, middle, measure); part < 0.5 {
			short = middle
		} else {
			long, found = middle, length
		}
	}
	return found
}

func metgStream(workers, tasks, runs int) {
	warmUp(workers, tasks)
	report(runs, func() float64 { return metg(workers, tasks, timeStreaming) })
}

func metgFlushed(workers, tasks, runs int) {
	warmUp(workers, tasks)
	report(runs, func() float64 { return metg(workers, tasks, timeFlushed) })
}

func metgCurve(workers, tasks, runs int) {
	warmUp(workers, tasks)
	for run := 0; run < runs; run++ {
		for ns := curveNsMin; ns <= curveNsMax; ns *= 2 {
			_, part := efficiency(workers, tasks, stepsFor(float64(ns)), timeStreaming)
			fmt.Printf("%d %.5g\n", ns, 100*part)
		}
	}
}

// paretoLengths are the same for every runtime: a fixed seed, mean near 20 us, at most 5 ms.
func paretoLengths(tasks int) []float64 {
	const shape, least, most = 1.3, 4600, 5e6
	lengths := make([]float64, tasks)
	x := uint64(88172645463325252)
	for i := range lengths {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		u := (float64(x>>11) + 0.5) / (1 << 53)
		lengths[i] = math.Min(least*math.Pow(u, -1/shape), most)
	}
	return lengths
}

func uneven(workers, tasks, runs int) {
	warmUp(workers, tasks)
	total, longest := 0.0, 0.0
	steps := make([]int, tasks)
	for i, length := range paretoLengths(tasks) {
		total += length
		longest = math.Max(longest, length)
		steps[i] = stepsFor(length)
	}
	ideal := math.Max(total/float64(workers), longest)
	report(runs, func() float64 {
		g := open(workers)
		begin := time.Now()
		for i := range steps {
			i := i
			g.Go(func() error { spin(steps[i]); return nil })
		}
		mustWait(g)
		return float64(time.Since(begin).Nanoseconds()) / ideal
	})
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		fail("no CPU time")
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

const wakeTripsMin, wakeTripsMax = 300, 4000
const wakeRunUs = 200000 // the pauses of a run last about this long together
const wakeSleepUs = 60   // what the kernel adds to a pause

// pause sleeps in the kernel, as the other runtimes do. time.Sleep makes at least a millisecond of a short
// sleep in a program that is otherwise idle.
func pause(us int) {
	length := syscall.NsecToTimespec(int64(us) * 1000)
	if err := syscall.Nanosleep(&length, nil); err != nil && err != syscall.EINTR {
		fail("no sleep: %v", err)
	}
}

// wake times round trips. The parameter is the pause between tasks in microseconds.
func wake(workers, gapUs, runs int, trip func(*group, func() error)) {
	warmUp(workers, 1000)
	trips := wakeRunUs / (gapUs + wakeSleepUs)
	trips = int(math.Max(wakeTripsMin, math.Min(wakeTripsMax, float64(trips))))
	ns := make([]float64, trips)
	count := int64(0)
	task := func() error {
		atomic.AddInt64(&count, 1)
		return nil
	}
	g := open(workers)
	for run := 0; run < runs; run++ {
		begin, cpu := time.Now(), cpuTime()
		for i := range ns {
			if gapUs > 0 {
				pause(gapUs)
			}
			start := time.Now()
			trip(g, task)
			ns[i] = float64(time.Since(start).Nanoseconds())
		}
		busy := float64(cpuTime()-cpu) / float64(time.Since(begin))
		sort.Float64s(ns)
		fmt.Printf("%.5g %.5g %.4g\n", ns[trips/2], ns[trips*99/100], 100*busy)
	}
	mustWait(g)
	if atomic.LoadInt64(&count) != int64(trips*runs) {
		fail("%d tasks ran instead of %d", count, trips*runs)
	}
}

func wakeIdle(workers, gapUs, runs int) {
	wake(workers, gapUs, runs, roundTrip)
}

var ran = make(chan struct{}, 1)

// channelTrip lets the task itself tell that it has run.
func channelTrip(g *group, f func() error) {
	g.Go(func() error {
		err := f()
		ran <- struct{}{}
		return err
	})
	<-ran
}

func wakeWorker(workers, gapUs, runs int) {
	wake(workers, gapUs, runs, channelTrip)
}

const idleBegin, idleEnd = time.Millisecond, 101 * time.Millisecond

// idleCPU prints the share of a CPU that is used from 1 ms to 101 ms after the last of some tasks.
func idleCPU(workers, tasks, runs int) {
	report(runs, func() float64 {
		g := open(workers)
		for i := 0; i < tasks; i++ {
			channelTrip(g, func() error { return nil })
		}
		time.Sleep(idleBegin)
		cpu := cpuTime()
		time.Sleep(idleEnd - idleBegin)
		busy := cpuTime() - cpu
		mustWait(g)
		return 100 * float64(busy) / float64(idleEnd-idleBegin)
	})
}
