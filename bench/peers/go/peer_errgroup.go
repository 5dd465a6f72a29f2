// SPDX-License-Identifier: MIT

//go:build errgroup || errgroup_limit

package main

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// x/sync's errgroup, as Debian ships it, once without a limit, which is faster and which GOMAXPROCS bounds,
// and once with SetLimit, which is what its users write to bound a group. Its goroutines cannot be held
// without blocking the submitter or letting the next ones run, so it does not do submit_only, and it does not
// recover panics.

const canHold = false
const canPanic = false

type group = errgroup.Group

func open(workers int) *group {
	g := new(group)
	limit(g, workers)
	return g
}

func openWithContext(workers int) (*group, context.Context) {
	g, ctx := errgroup.WithContext(context.Background())
	limit(g, workers)
	return g, ctx
}

func limit(g *group, workers int) {
	if hasLimit {
		g.SetLimit(workers)
	}
}

// A nested group has no limit of its own: GOMAXPROCS bounds the whole tree, and a limit would cost extra.
type nested = errgroup.Group

// roundTrip runs f in a group that stays in use.
func roundTrip(g *group, f func() error) {
	g.Go(f)
	mustWait(g)
}
