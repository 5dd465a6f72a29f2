#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every public header compiles alone, and a program that uses the macros compiles, as C99, C11 and C17 and as C++11
# and C++20, with gcc and clang, with every pedantic warning an error. Headers include only what lies below them: the table
# is the order, lowest first, and headers of one line may not include each other. Comments say of each function which
# threads may call it, and have their paragraphs in one order.
#
#     sh test/checks/check_headers.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"

cat >"$work/use.c" <<'END'
#include <errgroup.h>

static int task(eg_ctx *ctx, void *arg)
{
	(void)arg;
	return eg_ctx_err(ctx) ? eg_fail(-5, "late: %d", 1) : 0;
}

struct pair {
	int first, second;
};

/* Arguments with commas that no parentheses enclose. */
#ifdef __cplusplus
template <class Left, class Right> struct maker {
	static eg_task_fn *choose(eg_task_fn *left, eg_task_fn *) { return left; }
	static eg_group *group(Left, Right) { return nullptr; }
	static const pair *pair_of(int first, int second)
	{
		static pair made;
		made = pair{first, second};
		return &made;
	}
};
#endif

int main(void)
{
	static eg_group zero;
	eg_group group = EG_GROUP_INIT;
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct eg_frame frame = EG_FRAME_INIT;
	struct eg_command command = EG_COMMAND_INIT;
	struct eg_command_result ended = EG_COMMAND_RESULT_INIT;
	const char *const argv[] = {"true", NULL};
	static const int64_t second = EG_SECONDS(1);
	int value = 1;
	int result;

	command.argv = argv;
	command.out = EG_COMMAND_FD(1);
	command.grace_ns = second + EG_MILLISECONDS(value);
	result = eg_command_run(NULL, &command, &ended);
	eg_command_result_finish(&ended);
#ifndef __cplusplus
	if (result == 0)
		result = eg_command_run(NULL, EG_COMMAND(EG_ARGV("true", "x")), NULL);
	if (result == 0)
		result = eg_command_run(NULL, EG_COMMAND(EG_ARGV("true"), .dir = "/", .err = EG_COMMAND_NULL), NULL);
#endif
	options.limit = EG_LIMIT_CPUS;
	options.flags = EG_GROUP_NO_HELP | EG_GROUP_SKIP_UNSTARTED;
	result = eg_group_init(&group, NULL, &options);
	if (result == 0)
		result = eg_group_go(&group, task, NULL);
	if (result == 0)
		result = eg_group_try_go(&group, task, NULL);
	if (result == 0)
		result = eg_group_go_copy(&group, task, &value, sizeof(value));
#ifdef __cplusplus
	if (result == 0)
		result = eg_group_go_copy(&group, task, maker<int, int>::pair_of(1, 2), sizeof(pair));
	if (result == 0)
		result = eg_group_try_go(&group, maker<int, int>::choose(task, task), nullptr);
	if (result == 0)
		result = eg_group_go(value ? &group : maker<int, int>::group(1, 2), task, nullptr);
#else
	if (result == 0)
		result = eg_group_go_copy(&group, task, &(struct pair){1, 2}, sizeof(struct pair));
	if (result == 0)
		result = eg_group_try_go(&group, (eg_task_fn *[2]){task, task}[0], NULL);
	if (result == 0)
		result = eg_group_go((eg_group *[2]){&group, NULL}[0], task, &(struct pair){1, 2});
#endif
	if (result == 0)
		result = (eg_group_go)(&group, task, NULL);
#ifndef __cplusplus
	eg_group_destroy(&zero);
	if (result == 0)
		result = eg_group_init(&zero, NULL, EG_GROUP_OPTIONS());
	eg_group_destroy(&zero);
	if (result == 0)
		result = eg_group_init(&zero, NULL, EG_GROUP_OPTIONS(.limit = 2, .flags = EG_GROUP_NO_HELP));
#endif
	if (result == 0)
		result = eg_group_wait(&group);
	while (eg_error_frame(eg_group_error(&group), (size_t)result, &frame) == 0 && frame.inlined)
		result++;
	eg_group_destroy(&group);
	eg_group_destroy(&zero);
	return result;
}
END
cp "$work/use.c" "$work/use.cc"
for header in "$top"/include/*.h "$top"/include/errgroup/*.h; do
    name=$(basename "$header" .h)
    path=${header#"$top"/include/}
    # An empty translation unit is not C.
    printf '#include <%s>\nint main(void) { return 0; }\n' "$path" >"$work/$name.c"
    cp "$work/$name.c" "$work/$name.cc"
done

# all COMPILER STANDARD SUFFIX: one case for all the files, which share a command line.
all() {
    check "headers compile alone: $1 $2" compiles "$@"
}

compiles() {
    command -v "$1" >/dev/null || skip "no $1"
    "$1" "-std=$2" -pedantic -Wall -Wextra -Wshadow -Wconversion -Werror "-I$top/include" -fsyntax-only ./*"$3"
}

cat >"$work/order" <<'END'
base
ctx error limit
command frame observe task
fault group panic spawn
batch pipeline
END

# The comment before each declaration, or before several that have one.
cat >"$work/form.awk" <<'END'
function judge(    i, at, last) {
    for (i = 1; i <= 5; i++) {
        at = index(text, " " part[i] ": ")
        if (at && at < last)
            printf "%s:%d: %s comes too late\n", FILENAME, FNR, part[i]
        if (at)
            last = at
    }
    if (text !~ /[Tt]hreads(, [a-z]+| and [a-z]+)*: / && text !~ / as eg_[a-z_]+/)
        printf "%s:%d: does not say which threads\n", FILENAME, FNR
}
BEGIN { split("Ownership Threads Blocking Ordering Return", part, " ") }
/^\/\*/ { text = ""; judged = 0; inside = 1 }
inside { text = text " " $0; gsub(/[ \t]+\*?[ \t]*/, " ", text) }
/\*\// { inside = 0 }
/^EG_PUBLIC/ && !judged { judge(); judged = 1 }
END

(cd "$top/include/errgroup" && awk '
    NR == FNR { for (i = 1; i <= NF; i++) line[$i] = FNR; next }
    FNR == 1 {
        name = FILENAME
        gsub(/^\.\/|\.h$/, "", name)
        if (!(name in line))
            printf "%s has no line in the table\n", FILENAME
    }
    /^#include <errgroup/ {
        target = $2
        gsub(/<errgroup\/|\.h>/, "", target)
        if (!(line[target] < line[name]))
            printf "%s:%d: includes %s, which is not below it\n", FILENAME, FNR, $2
    }' "$work/order" ./*.h) >"$work/why"
silent "public headers include what lies below them"
(cd "$top/include" && for header in errgroup/*.h; do
    grep -qx "#include <$header>" errgroup.h || echo "errgroup.h does not include $header"
    grep -q "^ *'$header',$" meson.build || echo "meson.build does not install $header"
done) >"$work/why"
silent "errgroup.h includes every public header, and all are installed"
(cd "$top/include" && awk -f "$work/form.awk" errgroup/*.h) >"$work/why"
silent "comments have one form, and say which threads may call"
for standard in c99 c11 c17; do
    all gcc "$standard" .c
    all clang "$standard" .c
done
for standard in c++11 c++20; do
    all g++ "$standard" .cc
    all clang++ "$standard" .cc
done
finish
