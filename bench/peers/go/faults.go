// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// The cases about memory, cancellation, panics and faults.

// peakBytes is the most memory that the process has had resident.
func peakBytes() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fail("%v", err)
	}
	kilobytes := 0.0
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmHWM:") {
			fmt.Sscan(strings.TrimPrefix(line, "VmHWM:"), &kilobytes)
		}
	}
	return kilobytes * 1024
}

// pendingMemory has no warm-up, since the peak cannot be taken back: one fresh process measures one figure.
// Where there are no workers to hold, a pending task is a goroutine that waits for a gate.
func pendingMemory(workers, tasks, runs int) {
	var count int64
	if runs != 1 {
		fail("pending_memory takes one run")
	}
	g := open(workers)
	gate := make(chan struct{})
	release := func() {}
	if canHold {
		release = hold(g, workers)
	}
	before := peakBytes()
	for i := 0; i < tasks; i++ {
		i := i
		g.Go(func() error {
			if !canHold {
				<-gate
			}
			atomic.AddInt64(&count, 1)
			return emptyTask(i)
		})
	}
	peak := peakBytes()
	release()
	close(gate)
	mustWait(g)
	if count != int64(tasks) {
		fail("%d tasks ran instead of %d", count, tasks)
	}
	fmt.Printf("%.5g\n", (peak-before)/float64(tasks))
}

var errFirst = errors.New("the first error")

// cancelTime returns the time from the first task's error to the return of Wait. Held workers have the other
// tasks pending, and these look at the context when they start. Without workers to hold, the others are
// goroutines that wait for the context.
func cancelTime(workers, tasks int) float64 {
	var failed time.Time
	var seen int64
	g, ctx := openWithContext(workers)
	gate := make(chan struct{})
	g.Go(func() error {
		<-gate
		failed = time.Now()
		return errFirst
	})
	for i := 1; canHold && i < workers; i++ {
		g.Go(func() error { <-gate; return nil })
	}
	for i := 0; i < tasks; i++ {
		g.Go(func() error {
			if !canHold {
				<-ctx.Done()
			}
			if ctx.Err() != nil {
				atomic.AddInt64(&seen, 1)
			}
			return ctx.Err()
		})
	}
	close(gate)
	err := g.Wait()
	took := time.Since(failed)
	if err != errFirst {
		fail("not the first error: %v", err)
	}
	// Another worker may have started a few before the error.
	if canHold && seen > int64(tasks) || !canHold && seen != int64(tasks) || ctx.Err() != context.Canceled {
		fail("%d tasks of %d were cancelled", seen, tasks)
	}
	return float64(took.Nanoseconds()) / 1000
}

func cancelPending(workers, tasks, runs int) {
	cancelTime(workers, tasks)
	report(runs, func() float64 { return cancelTime(workers, tasks) })
}

// panicDeep panics from the depth of a small program's frames.
//
//go:noinline
func panicDeep(frames, i int) int {
	if frames == 0 {
		panic("the reason")
	}
	return panicDeep(frames-1, i) + i
}

const panicFrames = 6

func panics(workers, tasks, runs int) {
	failTasks(workers, tasks, runs, panicDeep, "panicDeep")
}

var nilPointer *int

// faultDeep dereferences nil from the same depth.
//
//go:noinline
func faultDeep(frames, i int) int {
	if frames == 0 {
		return *nilPointer
	}
	return faultDeep(frames-1, i) + i
}

func faults(workers, tasks, runs int) {
	failTasks(workers, tasks, runs, faultDeep, "faultDeep")
}

// failTasks measures tasks that panic in a function, whose name has to be in the trace.
func failTasks(workers, tasks, runs int, deep func(frames, i int) int, name string) {
	run := func() float64 {
		g := open(workers)
		begin := time.Now()
		for i := 0; i < tasks; i++ {
			i := i
			g.Go(func() error {
				deep(panicFrames, i)
				return nil
			})
		}
		err := g.Wait()
		took := time.Since(begin)
		if err == nil || !strings.Contains(err.Error(), name) {
			fail("the error has no trace: %v", err)
		}
		return float64(took.Nanoseconds()) / float64(tasks)
	}
	run()
	report(runs, run)
}
