# SPDX-License-Identifier: MIT
#
# What the plots share: size, type, a quiet frame, the data's settings. The names of the lines stand in the
# right margin, in the colours of the lines.

set terminal svg size 800,500 dynamic enhanced font "sans-serif,13" background "#ffffff"
set encoding utf8
load settings
set lmargin at screen 0.12
set rmargin at screen 0.755
set tmargin at screen 0.875
set bmargin at screen 0.125
set border 3 lw 1 lc rgb "#444444"
set tics nomirror out scale 0.6 textcolor rgb "#333333"
set grid xtics ytics lc rgb "#e4e4e4" lw 1 lt 1
set xlabel textcolor rgb "#333333" offset 0,0.3
set ylabel textcolor rgb "#333333" offset 0.5,0
unset key
