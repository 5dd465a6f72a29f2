// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"sort"
	"sync"
	"time"
)

// The cases about contexts: the standard library's. A context is given back by the garbage collector, whose work
// between two runs is not counted. What waits for a context is a goroutine in a receive from Done.

// reportWarm is report after a run that does not count.
func reportWarm(runs int, run func() float64) {
	run()
	report(runs, run)
}

func makeAndCancel(contexts, runs int, derive func() context.CancelFunc) {
	reportWarm(runs, func() float64 {
		begin := time.Now()
		for i := 0; i < contexts; i++ {
			derive()()
		}
		return float64(time.Since(begin).Nanoseconds()) / float64(contexts)
	})
}

func ctxCreate(workers, contexts, runs int) {
	makeAndCancel(contexts, runs, func() context.CancelFunc {
		_, cancel := context.WithCancel(context.Background())
		return cancel
	})
}

func ctxChild(workers, contexts, runs int) {
	parent, end := context.WithCancel(context.Background())
	defer end()
	makeAndCancel(contexts, runs, func() context.CancelFunc {
		_, cancel := context.WithCancel(parent)
		return cancel
	})
}

func ctxTimeout(workers, contexts, runs int) {
	makeAndCancel(contexts, runs, func() context.CancelFunc {
		_, cancel := context.WithTimeout(context.Background(), time.Hour)
		return cancel
	})
}

func ctxCancel(workers, contexts, runs int) {
	reportWarm(runs, func() float64 {
		parent, end := context.WithCancel(context.Background())
		children := make([]context.Context, contexts)
		for i := range children {
			var cancel context.CancelFunc
			children[i], cancel = context.WithCancel(parent)
			_ = cancel
		}
		begin := time.Now()
		end()
		taken := time.Since(begin)
		for _, child := range children {
			if child.Err() == nil {
				fail("a child is not cancelled")
			}
		}
		return float64(taken.Nanoseconds()) / 1e6
	})
}

const ctxSpread = 500 * time.Millisecond
const ctxLead = 100 * time.Millisecond
const ctxWakes = 200

func percentile99(values []float64) float64 {
	sort.Float64s(values)
	return values[len(values)*99/100]
}

func ctxDeadlines(workers, contexts, runs int) {
	x := uint64(88172645463325252)
	reportWarm(runs, func() float64 {
		var all sync.WaitGroup
		late := make([]float64, contexts)
		base := time.Now().Add(ctxLead)
		all.Add(contexts)
		for i := range late {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			deadline := base.Add(time.Duration(x % uint64(ctxSpread)))
			ctx, cancel := context.WithDeadline(context.Background(), deadline)
			i := i
			go func() {
				<-ctx.Done()
				late[i] = float64(time.Since(deadline).Nanoseconds()) / 1000
				cancel()
				all.Done()
			}()
		}
		all.Wait()
		for _, us := range late {
			if us < 0 {
				fail("a deadline is early by %g us", -us)
			}
		}
		return percentile99(late)
	})
}

// ctxWake has no descriptor to poll and no submission that a context ends: only the wait.
func ctxWake(workers, where, runs int) {
	if where != 0 {
		cannot("no such wait")
	}
	reportWarm(runs, func() float64 {
		late := make([]float64, ctxWakes)
		for i := range late {
			ctx, cancel := context.WithCancel(context.Background())
			woken, begins := make(chan time.Time), make(chan struct{})
			go func() {
				close(begins)
				<-ctx.Done()
				woken <- time.Now()
			}()
			<-begins
			pause(200)
			begin := time.Now()
			cancel()
			late[i] = float64((<-woken).Sub(begin).Nanoseconds()) / 1000
		}
		return percentile99(late)
	})
}
