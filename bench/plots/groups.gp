# SPDX-License-Identifier: MIT
#
# The cost of a small group against its size.

load here."/common.gp"
set label "Cost of a small group: made, k empty tasks, waited for, destroyed" at screen 0.03, screen 0.94 \
    font ",15" tc rgb "#111111"
set logscale xy
set yrange [low:high]
set xrange [0.9:1100]
set xlabel "tasks in the group (k)"
set ylabel "time per group"
set xtics (1, 2, 8, 64, 1000)
set ytics ("10 ns" 10, "100 ns" 100, "1 µs" 1e3, "10 µs" 1e4, "100 µs" 1e5, "1 ms" 1e6, "10 ms" 1e7)
plot for [i=1:count] data index i-1 using 1:2 with linespoints pt 7 ps 0.25*sqrt(width[i]) \
    lw width[i] dt dash[i] lc rgb colour[i]
