# SPDX-License-Identifier: MIT
#
# The round trip of one task after a pause, waited for and not: a dot at the median, a line to the 99th percentile.

load here."/common.gp"
set terminal svg size 800,470
set label 1 "Round trip of one task in an idle program: median, and line to the 99th percentile" \
    at screen 0.03, screen 0.95 font ",15" tc rgb "#111111"
set logscale x
set xrange [low:high]
set yrange [-0.7:count-0.3]
unset grid
set grid xtics lc rgb "#e4e4e4" lw 1 lt 1
set ytics scale 0
set format x "%g"
set xtics ("100 ns" 100, "1 µs" 1e3, "10 µs" 1e4, "100 µs" 1e5, "1 ms" 1e6, "10 ms" 1e7)
unset ylabel
set xlabel ""
set border 1
set tmargin at screen 0.83
set bmargin at screen 0.09
set multiplot
do for [panel=1:panels] {
    left = 0.155 + (panel-1)*0.43
    set lmargin at screen left
    set rmargin at screen left + 0.39
    set label 2 sprintf("%s, after a pause of %g ms", what[panel], gap/1000.) at graph 0, graph 1.04 tc rgb "#333333"
    column50 = 5 + 2*(panel-1)
    reach(i) = column(i+1) - column(i)
    if (panel == 1) {
        # The first plot draws nothing but the names.
        plot data using column50:1:ytic(2) with dots lc rgb "#ffffff", \
            data using column50:1:(reach(column50)):(0):3 with vectors nohead lw 2.2 lc rgb variable, \
            data using column50:1:(0.55*$4):3 with points pt 7 ps variable lc rgb variable
    } else {
        unset ytics
        plot data using column50:1:(reach(column50)):(0):3 with vectors nohead lw 2.2 lc rgb variable, \
            data using column50:1:(0.55*$4):3 with points pt 7 ps variable lc rgb variable
    }
    unset label 1
}
unset multiplot
