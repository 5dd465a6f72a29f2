# SPDX-License-Identifier: MIT
#
# The cost of an empty task against their number.

load here."/common.gp"
set label sprintf("Cost of an empty task: one submitter, %d workers, submission and wait", workers) \
    at screen 0.03, screen 0.94 font ",15" tc rgb "#111111"
set logscale xy
set xrange [*:*] noextend
set yrange [low:high]
set xlabel "tasks in the batch"
set ylabel "ns per task"
set format x "10^{%L}"
set format y "%g"
plot for [i=1:count] data index i-1 using 1:2 with linespoints pt 7 ps 0.25*sqrt(width[i]) \
    lw width[i] dt dash[i] lc rgb colour[i]
