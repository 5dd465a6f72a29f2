#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/explore/planted/explore_planted.sh BUILD
#
# Builds the explorer with planted bugs in BUILD, and has it find them. Prints TAP.
set -u
meson compile -C "$1" explore_planted >&2 || exit 1
exec "$1/test/explore/planted/explore_planted" --tap quick
