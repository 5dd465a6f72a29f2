# SPDX-License-Identifier: MIT
#
# How much of two workers' time is work, against the length of the tasks.

load here."/common.gp"
set label "Efficiency by length of task: how short a task may be" at screen 0.03, screen 0.94 \
    font ",15" tc rgb "#111111"
set label "50% at" at graph 1.068, graph 0.97 tc rgb "#666666"
set logscale x
set xrange [4:65536]
set yrange [low:high]
set xlabel "length of a task"
set ylabel "time spent in tasks, %"
set xtics ("10 ns" 10, "100 ns" 100, "1 µs" 1e3, "10 µs" 1e4)
set ytics 25
set arrow from graph 0, first 50 to graph 1, first 50 nohead lw 1 dt 3 lc rgb "#888888" back
plot for [i=1:count] data index i-1 using 1:2 with lines lw width[i] dt dash[i] lc rgb colour[i]
