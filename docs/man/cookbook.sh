#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Prints errgroup-cookbook(7) with the programs as they are: each block below a heading that ends in a file's name is
# replaced by that file of docs/examples/recipes. After a change of one of these:
#
#     sh docs/man/cookbook.sh >page && mv page docs/man/errgroup-cookbook.7.scd
#
# test/checks/check_docs.sh sees that it was done.
folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
awk -v recipes="$folder/../examples/recipes" '
    /^## .*: [a-z_]*\.c$/ { file = recipes "/" $NF }
    /^```/ && inside { inside = 0 }
    !inside { print }
    /^```/ && file != "" {
        while ((getline line <file) > 0) {
            # scdoc reads two backslashes as one.
            gsub(/\\/, "&&", line)
            print line
        }
        close(file)
        file = ""
        inside = 1
    }' "$folder/errgroup-cookbook.7.scd"
