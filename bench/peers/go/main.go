// SPDX-License-Identifier: MIT

// The Go side of the benchmarks: one program, built once for each variant with a build tag of its own
// (variant_*.go), so that calls into the peer are direct. It speaks the protocol of bench/README.md:
//
//	RUNTIME list
//	RUNTIME CASE WORKERS TASKS RUNS
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
)

// A benchCase warms up, verifies, and prints one line for each of its runs.
type benchCase func(workers, tasks, runs int)

const exitCannot = 77

func fail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, runtimeName+": "+format+"\n", args...)
	os.Exit(1)
}

// cannot ends the program for a case that it cannot do.
func cannot(reason string) {
	fmt.Fprintln(os.Stderr, reason)
	os.Exit(exitCannot)
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil || value < 0 {
		fail("not a number: %s", text)
	}
	return value
}

// report runs a case's measured part: the collector has finished before each run and its work is not part of
// the next, as in Go's own testing package.
func report(runs int, run func() float64) {
	for i := 0; i < runs; i++ {
		runtime.GC()
		fmt.Printf("%.5g\n", run())
	}
}

func main() {
	cases := benchCases()
	if len(os.Args) == 2 && os.Args[1] == "list" {
		names := make([]string, 0, len(cases))
		for name := range cases {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			fmt.Println(name)
		}
		return
	}
	if len(os.Args) != 5 {
		fail("usage: CASE WORKERS TASKS RUNS, or list")
	}
	run, known := cases[os.Args[1]]
	if !known {
		cannot("not a case of this runtime")
	}
	workers := number(os.Args[2])
	runtime.GOMAXPROCS(workers)
	run(workers, number(os.Args[3]), number(os.Args[4]))
}
