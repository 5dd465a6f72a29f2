// SPDX-License-Identifier: MIT

//go:build kratos || kratos_nolimit

package main

import "context"

// The kratos design, with its worker pool of WORKERS goroutines, or (kratos_nolimit) with a goroutine for
// each task. Wait ends the workers, so a pool serves one batch; starting it is not timed, as for every
// runtime with a pool.

const canHold = hasLimit
const canPanic = true

type group = KratosGroup

func open(workers int) *group {
	g := new(group)
	limit(g, workers)
	return g
}

func openWithContext(workers int) (*group, context.Context) {
	g, ctx := KratosWithContext(context.Background())
	limit(g, workers)
	return g, ctx
}

func limit(g *group, workers int) {
	if hasLimit {
		g.GOMAXPROCS(workers)
	}
}

// A nested group has no workers of its own: starting them for each of a hundred thousand groups would be far
// slower.
type nested = KratosGroup

// roundTrip runs f on a worker that stays. Wait would end the workers, so a channel tells that it has run.
func roundTrip(g *group, f func() error) {
	channelTrip(g, f)
}
