// SPDX-License-Identifier: MIT

package main

import (
	"math"
	"time"
)

// Work of a given length is a chain of dependent multiplications of calibrated length. A loop that polls the
// clock would count the time in which its thread does not run as work, and is too coarse below 50 ns.

//go:noinline
func spin(steps int) uint64 {
	x := uint64(steps)
	for i := 0; i < steps; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

var stepsPerNs float64

// calibrate takes the fastest of a few loops, because nothing makes a loop faster than it is.
func calibrate() {
	const steps = 2000000
	for i := 0; i < 5; i++ {
		begin := time.Now()
		spin(steps)
		stepsPerNs = math.Max(stepsPerNs, steps/float64(time.Since(begin).Nanoseconds()))
	}
}

// stepsFor returns the steps that take ns.
func stepsFor(ns float64) int {
	if stepsPerNs == 0 {
		calibrate()
	}
	return int(ns*stepsPerNs + 0.5)
}
