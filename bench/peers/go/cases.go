// SPDX-License-Identifier: MIT

package main

import (
	"sync/atomic"
	"time"
)

// The cases about the cost of a task: batches, the submitting half, small groups, trees of groups, memory.

func benchCases() map[string]benchCase {
	cases := map[string]benchCase{
		"batch_empty": batchEmpty,
		"group_small": groupSmall,
		"stream_1us":  stream,
		"stream_slow": streamSlow,
	}
	if runtimeName == "go-kratos-nolimit" {
		return cases
	}
	cases["metg50_stream"] = metgStream
	cases["metg_curve"] = metgCurve
	cases["scaling"] = scaling
	cases["uneven"] = uneven
	if runtimeName != "go-errgroup-limit" {
		cases["skynet"] = skynet
		cases["fork_join"] = forkJoin
		cases["wake_idle"] = wakeIdle
		cases["wake_worker"] = wakeWorker
		cases["idle_cpu"] = idleCPU
		cases["cancel_pending"] = cancelPending
		cases["pending_memory"] = pendingMemory
	}
	if runtimeName == "go-errgroup" {
		cases["spawn_nested"] = spawnNested
		cases["pipeline"] = pipelineEmpty
		cases["pipeline_1us"] = pipelineWorking
		cases["ctx_create"] = ctxCreate
		cases["ctx_child"] = ctxChild
		cases["ctx_timeout"] = ctxTimeout
		cases["ctx_cancel"] = ctxCancel
		cases["ctx_deadlines"] = ctxDeadlines
		cases["ctx_wake"] = ctxWake
	}
	if canHold {
		cases["submit_only"] = submitOnly
		cases["drain_only"] = drainOnly
		cases["metg50"] = metgFlushed
	}
	if canPanic {
		cases["panic"] = panics
		cases["fault"] = faults
	}
	return cases
}

// counters has one for each task of a batch, to see that each ran once.
type counters []uint32

func (c counters) task(i int) func() error {
	return func() error {
		atomic.AddUint32(&c[i], 1)
		return nil
	}
}

func (c counters) check() {
	for i := range c {
		if atomic.LoadUint32(&c[i]) != 1 {
			fail("task %d ran %d times", i, c[i])
		}
	}
}

func mustWait(g *group) {
	if err := g.Wait(); err != nil {
		fail("a task failed: %v", err)
	}
}

func warmUp(workers, tasks int) {
	counts := make(counters, tasks)
	g := open(workers)
	for i := range counts {
		g.Go(counts.task(i))
	}
	mustWait(g)
	counts.check()
}

// emptyTask is not inlined, or its argument would not be part of the closure.
//
//go:noinline
func emptyTask(int) error { return nil }

func submitEmpty(g *group, tasks int) {
	for i := 0; i < tasks; i++ {
		i := i
		g.Go(func() error { return emptyTask(i) })
	}
}

const batchMin = 20000 // tasks in a run, so that small batches are timed for long enough

func batchEmpty(workers, tasks, runs int) {
	warmUp(workers, tasks)
	report(runs, func() float64 {
		batches := 1 + batchMin/tasks
		var total time.Duration
		for b := 0; b < batches; b++ {
			g := open(workers)
			begin := time.Now()
			submitEmpty(g, tasks)
			mustWait(g)
			total += time.Since(begin)
		}
		return float64(total.Nanoseconds()) / float64(batches) / float64(tasks)
	})
}

// hold makes all workers wait and returns what lets them go.
func hold(g *group, workers int) (release func()) {
	held, gate := make(chan struct{}), make(chan struct{})
	for i := 0; i < workers; i++ {
		g.Go(func() error {
			held <- struct{}{}
			<-gate
			return nil
		})
	}
	for i := 0; i < workers; i++ {
		<-held
	}
	return func() { close(gate) }
}

// halves times a batch that is submitted while the workers are held and run once they are let go.
func halves(workers, tasks int, submit func(*group)) (submitted, drained time.Duration) {
	g := open(workers)
	release := hold(g, workers)
	begin := time.Now()
	submit(g)
	middle := time.Now()
	release()
	mustWait(g)
	return middle.Sub(begin), time.Since(middle)
}

func submitOnly(workers, tasks, runs int) {
	warmUp(workers, tasks)
	report(runs, func() float64 {
		submitted, _ := halves(workers, tasks, func(g *group) { submitEmpty(g, tasks) })
		return float64(submitted.Nanoseconds()) / float64(tasks)
	})
}

func drainOnly(workers, tasks, runs int) {
	warmUp(workers, tasks)
	report(runs, func() float64 {
		_, drained := halves(workers, tasks, func(g *group) { submitEmpty(g, tasks) })
		return float64(drained.Nanoseconds()) / float64(tasks)
	})
}

func groupSmall(workers, tasks, runs int) {
	warmUp(workers, tasks)
	groups := 16
	var took time.Duration
	round := func() {
		begin := time.Now()
		for i := 0; i < groups; i++ {
			g := open(workers)
			submitEmpty(g, tasks)
			mustWait(g)
		}
		took = time.Since(begin)
	}
	for round(); took < 20*time.Millisecond; round() {
		groups *= 2
	}
	report(runs, func() float64 {
		round()
		return float64(took.Nanoseconds()) / float64(groups)
	})
}

const branches = 10

// sum adds the numbers from first on, one a leaf, through a tree of groups.
func sum(first, leaves int64) int64 {
	if leaves == 1 {
		return first
	}
	var g nested
	var parts [branches]int64
	for i := range parts {
		i := i
		g.Go(func() error {
			parts[i] = sum(first+int64(i)*leaves/branches, leaves/branches)
			return nil
		})
	}
	if g.Wait() != nil {
		fail("a nested task failed")
	}
	total := int64(0)
	for _, part := range parts {
		total += part
	}
	return total
}

func skynet(workers, tasks, runs int) {
	leaves := int64(tasks)
	run := func() float64 {
		begin := time.Now()
		total := sum(0, leaves)
		took := time.Since(begin)
		if total != leaves*(leaves-1)/2 {
			fail("the sum is %d", total)
		}
		return float64(took.Nanoseconds()) / float64(leaves)
	}
	run()
	report(runs, run)
}

// fib submits one half to a group of its own and computes the other itself.
func fib(n int) int {
	if n < 2 {
		return n
	}
	var g nested
	var left int
	g.Go(func() error {
		left = fib(n - 1)
		return nil
	})
	right := fib(n - 2)
	if g.Wait() != nil {
		fail("a nested task failed")
	}
	return left + right
}

// fibPlain returns the number and the calls that fib makes for it.
func fibPlain(n int) (value, calls int) {
	value, next := 0, 1
	calls, callsNext := 1, 1
	for i := 0; i < n; i++ {
		value, next = next, value+next
		calls, callsNext = callsNext, calls+callsNext+1
	}
	return value, calls
}

func forkJoin(workers, tasks, runs int) {
	expected, calls := fibPlain(tasks)
	run := func() float64 {
		begin := time.Now()
		value := fib(tasks)
		took := time.Since(begin)
		if value != expected {
			fail("fib(%d) is %d", tasks, value)
		}
		return float64(took.Nanoseconds()) / float64(calls)
	}
	run()
	report(runs, run)
}

// sums are added to by many goroutines, which have no name for the thread that they are on: each takes the one
// that its place in the tree chooses.
type sums [64]struct {
	n int64
	_ [120]byte
}

// spawn submits the calls of fib as goroutines of one group: each submits its two halves.
func (s *sums) spawn(g *group, n, place int) error {
	if n < 2 {
		atomic.AddInt64(&s[place%len(s)].n, int64(n))
		return nil
	}
	g.Go(func() error { return s.spawn(g, n-1, 2*place) })
	g.Go(func() error { return s.spawn(g, n-2, 2*place+1) })
	return nil
}

func (s *sums) total() int {
	total := int64(0)
	for i := range s {
		total += s[i].n
	}
	return int(total)
}

func spawnNested(workers, tasks, runs int) {
	expected, calls := fibPlain(tasks)
	run := func() float64 {
		var s sums
		g := open(workers)
		begin := time.Now()
		g.Go(func() error { return s.spawn(g, tasks, 1) })
		mustWait(g)
		took := time.Since(begin)
		if s.total() != expected {
			fail("a task was lost or ran twice")
		}
		return float64(took.Nanoseconds()) / float64(calls)
	}
	run()
	report(runs, run)
}
