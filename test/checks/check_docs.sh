#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The documents say what the code says: prototypes, constants, links, file names and the program in the README.
#
#     sh test/checks/check_docs.sh [BUILD]        BUILD is build/ unless given; it is only used to run docs/examples/hello
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
build=${1:-$top/build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"
cd "$top" || exit 1
pages=docs/man

# section FILE NAME: the text of a section of a page.
section() {
    awk -v name="# $2" '/^# / { inside = $0 == name; next } inside' "$1"
}

# One prototype a line, from statements that end in a semicolon, without blanks that mean nothing.
prototypes() {
    tr '\n\t' '  ' | sed 's/;/;\n/g' | grep 'eg_[a-z0-9_]*(' | grep -v 'typedef' |
        sed -e 's/  */ /g' -e 's/^ //' -e 's/ ;$/;/' -e 's/ *\([(),*]\) */\1/g'
}

# Comments go by the preprocessor; directives, with their continuations, and attributes by sed.
headers() {
    cat include/errgroup/*.h | "${CC:-cc}" -fpreprocessed -dD -E -P -x c - 2>/dev/null |
        sed -e ':join' -e '/\\$/{N;s/\\\n//;b join' -e '}' -e '/^ *#/d' |
        tr '\n' ' ' | sed 's/[;{}]/&\n/g' | grep 'EG_PUBLIC' |
        sed -e 's/.*EG_PUBLIC//' -e 's/EG_PRINTF([^)]*)//' -e 's/EG_MUST_CHECK//' -e 's/EG_NORETURN//'
}

#
# Man pages
#

headers | prototypes | sort >"$work/declared"
for page in "$pages"/*.scd; do
    section "$page" SYNOPSIS | grep -v -e '^#' -e '^```' | prototypes
done | sort >"$work/synopses"
{
    diff "$work/declared" "$work/synopses" | sed -n -e 's/^</only in a header:  /p' -e 's/^>/only in a synopsis:/p'
    [ -s "$work/declared" ] || echo 'no prototypes found'
} >"$work/why"
silent "every declared function is in one synopsis, with the same prototype"

sed -n 's/^[[:space:]]*\(eg_[a-z0-9_]*\);.*/\1/p' src/errgroup.map | sort >"$work/exported"
sed 's/^[^(]*[ *]\(eg_[a-z0-9_]*\)(.*/\1/' "$work/synopses" | sort >"$work/named"
{
    diff "$work/exported" "$work/named" | sed -n -e 's/^</in no synopsis:  /p' -e 's/^>/not exported:/p'
    [ -s "$work/exported" ] || echo 'no exports found'
} >"$work/why"
silent "every exported function is in one synopsis"

# What meson.build says, as lines "page name"; the page itself is its first name.
sed -n '/^man_pages = \[/,/^\]/p' $pages/meson.build | tr -d ' \t\n' | tr -d "'" | sed 's/[][]/\n/g' |
    awk -F, 'NF && $1 ~ /\.[0-9]$/ { base = $1; sub(/\.[0-9]$/, "", base); print $1, base
             for (i = 2; i <= NF; i++) if ($i != "") print $1, $i }' >"$work/links"
cut -d ' ' -f 2 "$work/links" | sort -u >"$work/linked"
# The pages' own names, and what has a page.
sed 's/\.[0-9] .*//' "$work/links" | sort -u >"$work/bases"
awk '
    FNR == 1 { page = FILENAME; sub(/.*\//, "", page); sub(/\.scd$/, "", page) }
    /^# / { inside = $0 == "# SYNOPSIS" }
    inside { while (match($0, /eg_[a-z0-9_]*\(/)) {
        print page, substr($0, RSTART, RLENGTH - 1)
        $0 = substr($0, RSTART + RLENGTH)
    } }' "$pages"/*.scd | sort -u >"$work/synopsis_names"
{
    comm -23 "$work/exported" "$work/linked" | sed 's/^/no page and no link page: /'
    cut -d ' ' -f 2 "$work/links" | sort | uniq -d | sed 's/^/two pages or link pages: /'
    sort -u "$work/exported" "$work/bases" | comm -13 - "$work/linked" | sed 's/^/not exported: /'
    sort "$work/links" | comm -23 - "$work/synopsis_names" | while read -r page name; do
        echo "$name leads to $page, which has another's synopsis"
    done | grep -wFf "$work/exported"
    cut -d ' ' -f 1 "$work/links" | sort -u >"$work/sources"
    (cd "$pages" && ls ./*.scd) | sed 's|^\./||; s|\.scd$||' | sort >"$work/there"
    comm -23 "$work/sources" "$work/there" | sed 's/^/no source: /'
    comm -13 "$work/sources" "$work/there" | sed 's/^/not in meson.build: /'
} >"$work/why"
silent "every exported function has a page or a link to its page"

# The include guards are no constants.
grep -ho '\bEG_[A-Z0-9_]*' include/errgroup/*.h | sort -u >"$work/constants"
{
    grep -ho '\bEG_[A-Z0-9_]*' "$pages"/*.scd | sort -u | comm -23 "$work/constants" - | sed 's/^/in no page: /'
    [ -s "$work/constants" ] || echo 'no constants found'
} >"$work/why"
silent "every constant and macro of the headers is in a page"

grep -ho '\bEG_[A-Z0-9_]*[A-Z0-9]' "$pages"/*.scd README.md docs/*.md | sort -u >"$work/mentioned"
# Words with a place to fill in, as EG_OBJECT_NAME stands for, are written with angle brackets and not matched here.
comm -13 "$work/constants" "$work/mentioned" | grep -v '^EG_$' | sed 's/^/not in the headers: /' >"$work/why"
silent "no document names a constant that is not there"

awk '
    function look(   i, names, n) {
        n = split("NAME,SYNOPSIS,DESCRIPTION,RETURN VALUE,THREADS,BLOCKING,SEE ALSO", names, ",")
        for (i = 1; i <= n; i++) if (!(names[i] in has)) print page ": no section " names[i]
        delete has
    }
    FNR == 1 { if (page) look(); page = FILENAME }
    /^# / { has[substr($0, 3)] = 1 }
    END { look() }' "$pages"/*.3.scd >"$work/why"
silent "every page of section 3 has the sections that matter"

for header in include/*.h include/errgroup/*.h; do
    grep -qF "*<${header#include/}>*" "$pages/errgroup.7.scd" || echo "not in errgroup(7): ${header#include/}"
done >"$work/why"
silent "errgroup(7) names every header"

section "$pages/errgroup.7.scd" PAGES | sed -n 's/^\*\([a-z_]*\)\*(3)$/\1.3/p' | sort >"$work/pages"
(cd "$pages" && ls ./*.3.scd) | sed 's|^\./||; s|\.scd$||' | sort | diff - "$work/pages" |
    sed -n -e 's/^</not in PAGES of errgroup(7): /p' -e 's/^>/in PAGES of errgroup(7) and not there: /p' >"$work/why"
silent "errgroup(7) lists every page"

grep -no '\*[a-z_-]*\*([37])' "$pages"/*.scd | grep -e ':\*eg_' -e ':\*errgroup' |
    sed 's/^\([^:]*:[0-9]*\):\*\([a-z_-]*\)\*(\([37]\))/\1 \2 \3/' |
    awk 'NR == FNR { part = substr($1, length($1)); there[$2 " " part] = 1; next }
         !(($2 " " $3) in there) { print $1 ": no page " $2 "(" $3 ")" }' "$work/links" - >"$work/why"
silent "pages refer to pages that exist"

if command -v scdoc >/dev/null 2>&1; then
    for page in "$pages"/*.scd; do
        name=${page##*/}
        name=${name%.scd}
        scdoc <"$page" >"$work/$name" 2>"$work/output" || echo "scdoc failed" >>"$work/output"
        # Not everywhere; and it says what scdoc does not.
        if command -v groff >/dev/null 2>&1; then
            groff -man -Tutf8 -ww "$work/$name" 2>>"$work/output" >/dev/null
        fi
        sed "s|^|$page: |" "$work/output"
    done >"$work/why"
    silent "the pages build without a warning"
else
    skipped "the pages build without a warning" "no scdoc"
fi

# In a literal block scdoc reads \\ as one backslash.
for page in "$pages"/*.scd; do
    awk -v base="$work/$(basename "$page" .scd)" '
        /^```/ { inside = !inside; if (inside) file = base "-" ++count ".c"; next }
        inside { gsub(/\\\\/, "\\"); print >file }' "$page"
done
grep -l 'int main(' "$work"/*-[0-9]*.c >"$work/programs"
{
    [ -s "$work/programs" ] || echo 'no program found'
    while read -r program; do
        "${CC:-cc}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -Werror -Iinclude -fsyntax-only "$program" 2>&1
    done <"$work/programs"
} >"$work/why"
silent "the programs in the pages compile"

sh docs/man/cookbook.sh | diff - "$pages/errgroup-cookbook.7.scd" >"$work/why"
for recipe in docs/examples/recipes/*.c; do
    grep -q "^## .*: ${recipe##*/}\$" "$pages/errgroup-cookbook.7.scd" || echo "not in errgroup-cookbook(7): $recipe"
done >>"$work/why"
silent "the cookbook has every recipe, as it is"

# What was there before there were examples of everything is left out; the _at forms are what the macros call.
grep -rho --include='*.[ch]' 'eg_[a-z0-9_]*' docs/examples | sort -u | comm -23 "$work/exported" - | while read -r name; do
    case $name in
    *_at | eg_ctx_[!p]* | eg_error_[!p]* | eg_panic_* | eg_scope_* | eg_spawn_* | eg_version_* | eg_fault_set_mode) continue ;;
    eg_defer | eg_undefer | eg_threads_end_idle) continue ;;
    eg_group_destroyp | eg_group_error_count | eg_group_errors | eg_group_pass | eg_group_reset | eg_group_slots) continue ;;
    eg_group_try_go | eg_group_wait_until) continue ;;
    esac
    echo "in no example: $name"
done >"$work/why"
silent "every function of groups and batches is used by an example"

#
# README and the others
#

awk '/^```c$/ { inside = 1; next } /^```$/ && inside { exit } inside' README.md >"$work/readme.c"
diff docs/examples/hello.c "$work/readme.c" >"$work/why"
silent "the program in the README is docs/examples/hello.c"

awk '/^```c$/ { n++; next } /^```$/ && n == 2 { exit } n == 2' README.md | diff docs/examples/recipes/commands.c - >"$work/why"
silent "the recipe in the README is docs/examples/recipes/commands.c"

# The block after it is its output. Which worker it was, and where the build folder is, is open.
normal() {
    sed -e 's/^worker [0-9]*/worker N/' -e 's|[^[:space:]]*docs/examples/|docs/examples/|'
}
if [ -x "$build/docs/examples/hello" ]; then
    awk '/^```/ { n++; if (n == 3) { inside = 1; next } if (n == 4) exit } inside' README.md | normal >"$work/shown"
    "$build/docs/examples/hello" 2>&1 | normal | diff - "$work/shown" >"$work/why"
    silent "its output is what the README shows"
else
    skipped "its output is what the README shows" "not built"
fi

# An option and its default a line, from the table of the README and from what meson reads.
sed -n 's/^| `-D\([a-z_]*\)=` .*| \([a-z]*\)[^|]*|$/\1 \2/p' README.md | sort >"$work/told"
{
    sed -n "s/^option('\([a-z_]*\)', .*value: '\([a-z]*\)'.*/\1 \2/p" meson_options.txt
    sed -n "s/^ *'\(default_library\)=\([a-z]*\)',$/\1 \2/p" meson.build
} | sort >"$work/options"
{
    diff "$work/options" "$work/told"
    [ -s "$work/options" ] || echo 'no options found'
} >"$work/why"
silent "the README has every option with its default"

documents=$(find . -name '*.md' -not -path './build/*' -not -path './build-*' -not -path './.*' | sort)
for document in $documents; do
    folder=${document%/*}
    grep -no '](\([^)]*\))' "$document" | while IFS= read -r line; do
        place=${line%%:*}
        target=${line#*](}
        target=${target%)}
        target=${target%%#*}
        case $target in '' | *://* | mailto:*) continue ;; esac
        [ -e "$folder/$target" ] || echo "$document:$place: no $target"
    done
done >"$work/why"
silent "relative links lead to files"

# Paths as people write them, from the top of the tree. Words in capitals stand for something to fill in.
for document in $documents "$pages"/*.scd; do
    folder=${document%/*}
    grep -noE '(^|[^A-Za-z0-9_./-])(docs|test|src|include|bench|\.ci)/[A-Za-z0-9_./*-]*[A-Za-z0-9_*]' "$document" |
        sed 's/^\([0-9]*\):[^A-Za-z0-9_.]*/\1 /' | while read -r place path; do
        case $path in *[A-Z][A-Z]*) continue ;; esac
        # A pattern has to match something.
        found=
        for match in $path "$folder"/$path; do
            [ -e "$match" ] && found=yes
        done
        [ "$found" ] || echo "$document:$place: no $path"
    done
done | sort -u >"$work/why"
silent "no document speaks of a file that is not there"

# In pictures files are named without src/, src/runtime/ and their ends.
{
    awk '/^```/ { inside = !inside; next } inside' docs/design.md | grep -oE '[a-z]+(/[a-z_]+)+' | sort -u >"$work/named"
    [ -s "$work/named" ] || echo 'no picture found'
    while read -r name; do
        ls src/"$name".[ch] src/runtime/"$name".[ch] >"$work/found" 2>/dev/null || :
        [ -s "$work/found" ] || echo "no $name"
    done <"$work/named"
} >"$work/why"
silent "the pictures of docs/design.md name files that are there"

# By the first column of the two tables.
listed() {
    sed -n "/^| folder of .$1/,/^\$/s/^| \(\`[^|]*\`\) |.*/\1/p" docs/contributing.md | grep -o '`[a-z/]*/`' | tr -d '`' | sort
}
{
    listed src >"$work/listed"
    (cd src && find . -name '*.c' | sed 's|^\./||; s|[^/]*$||' | grep . | sort -u) | diff - "$work/listed"
    listed test >"$work/listed"
    (cd test && ls -d */) | sort | diff - "$work/listed"
} | sed -n 's/^</not in docs\/contributing.md: /p; s/^>/not there: /p' >"$work/why"
silent "contributing.md lists the folders of src/ and test/"

version=$(sed -n "s/^ *version: '\(.*\)',.*/\1/p" meson.build | head -n 1)
header=$(sed -n 's/^#define EG_VERSION_[MP][A-Z]* \([0-9]*\)$/\1/p' include/errgroup/base.h | paste -s -d . -)
{
    [ "$version" = "$header" ] || echo "meson.build says $version, errgroup/base.h says $header"
    grep -q "^## \[$version\]" CHANGELOG.md || echo "CHANGELOG.md has no section for $version"
} >"$work/why"
silent "the version is the same in meson.build, headers and changelog"
finish
