// SPDX-License-Identifier: MIT

package main

import "time"

// The cases about pipelines: goroutines of a group connected by channels, as in x/sync's example of a pipeline. The
// workers may finish items in any order, so the source hands each item to them and, in its order, to the sink, which
// waits for the one that is next.

const pipelineWindow = 64 // BENCH_PIPELINE_WINDOW of pipeline.h

type pipelineItem struct {
	number int
	done   chan struct{}
}

func pipelineTime(workers, items, steps int) time.Duration {
	g := open(workers)
	toDo := make(chan *pipelineItem, pipelineWindow)
	inOrder := make(chan *pipelineItem, pipelineWindow)
	taken := 0
	begin := time.Now()
	g.Go(func() error {
		defer close(toDo)
		defer close(inOrder)
		for i := 0; i < items; i++ {
			item := &pipelineItem{number: i, done: make(chan struct{})}
			inOrder <- item
			toDo <- item
		}
		return nil
	})
	for i := 0; i < workers; i++ {
		g.Go(func() error {
			for item := range toDo {
				if steps > 0 {
					spin(steps)
				}
				close(item.done)
			}
			return nil
		})
	}
	for item := range inOrder {
		<-item.done
		if item.number != taken {
			fail("item %d came in place of %d", item.number, taken)
		}
		taken++
	}
	if g.Wait() != nil {
		fail("a stage failed")
	}
	took := time.Since(begin)
	if taken != items {
		fail("items were lost")
	}
	return took
}

func pipelineRuns(workers, items, runs, steps int) {
	pipelineTime(workers, items, steps)
	report(runs, func() float64 {
		return float64(pipelineTime(workers, items, steps).Nanoseconds()) / float64(items)
	})
}

func pipelineEmpty(workers, tasks, runs int) { pipelineRuns(workers, tasks, runs, 0) }

func pipelineWorking(workers, tasks, runs int) { pipelineRuns(workers, tasks, runs, stepsFor(1000)) }
