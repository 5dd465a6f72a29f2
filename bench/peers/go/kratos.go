// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
)

// KratosGroup has the design of the kratos errgroup, written anew from its description so that the comparison
// needs no network: with a limit a fixed number of goroutines receives functions from a channel of that
// capacity, what does not fit is kept in a slice until Wait passes it on, and a panic becomes an error that
// carries its stack as text. Without a limit each function has a goroutine of its own. Its known defects
// belong to the design and stay.
type KratosGroup struct {
	pending  sync.WaitGroup
	once     sync.Once
	workers  sync.Once
	first    error
	cancel   context.CancelFunc
	queue    chan func() error
	overflow []func() error
}

// KratosWithContext returns a group whose first error cancels the context that is returned with it.
func KratosWithContext(parent context.Context) (*KratosGroup, context.Context) {
	ctx, cancel := context.WithCancel(parent)
	return &KratosGroup{cancel: cancel}, ctx
}

const kratosStackBytes = 64 << 10

func (g *KratosGroup) fail(err error) {
	g.once.Do(func() {
		g.first = err
		if g.cancel != nil {
			g.cancel()
		}
	})
}

func (g *KratosGroup) call(f func() error) {
	var err error
	defer func() {
		if reason := recover(); reason != nil {
			stack := make([]byte, kratosStackBytes)
			stack = stack[:runtime.Stack(stack, false)]
			err = fmt.Errorf("panic recovered: %v\n%s", reason, stack)
		}
		if err != nil {
			g.fail(err)
		}
		g.pending.Done()
	}()
	err = f()
}

// GOMAXPROCS starts the group's n workers. Only the first call counts.
func (g *KratosGroup) GOMAXPROCS(n int) {
	if n <= 0 {
		panic("the number of workers must be positive")
	}
	g.workers.Do(func() {
		g.queue = make(chan func() error, n)
		for i := 0; i < n; i++ {
			go func() {
				for f := range g.queue {
					g.call(f)
				}
			}()
		}
	})
}

// Go hands f to a worker if the channel has room, and else keeps it for Wait.
func (g *KratosGroup) Go(f func() error) {
	g.pending.Add(1)
	if g.queue == nil {
		go g.call(f)
		return
	}
	select {
	case g.queue <- f:
	default:
		g.overflow = append(g.overflow, f)
	}
}

// Wait passes the overflow on, waits for everything, ends the workers and returns the first error.
func (g *KratosGroup) Wait() error {
	if g.queue != nil {
		for _, f := range g.overflow {
			g.queue <- f
		}
	}
	g.pending.Wait()
	if g.queue != nil {
		close(g.queue)
	}
	if g.cancel != nil {
		g.cancel()
	}
	return g.first
}
