# SPDX-License-Identifier: MIT
#
# Tasks of 1 µs a second against the number of workers.

load here."/common.gp"
set label "Tasks of 1 µs by number of workers" at screen 0.03, screen 0.94 font ",15" tc rgb "#111111"
set yrange [low:high]
set xrange [1:most]
set xtics 1
set xlabel sprintf("workers (the machine has %d CPUs)", cores)
set ylabel "million tasks per second"
ideal(x) = x < cores ? x : cores
set samples 400
set label "no more is possible" at first cores + 0.06, first cores + 0.03*high tc rgb "#888888"
plot ideal(x) with lines lw 6 lc rgb "#eeeeee", \
    for [i=1:count] data index i-1 using 1:2 with linespoints pt 7 ps 0.25*sqrt(width[i]) \
    lw width[i] dt dash[i] lc rgb colour[i]
