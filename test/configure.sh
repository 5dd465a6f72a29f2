# SPDX-License-Identifier: MIT
#
# Sourced by the scripts that build. Each has build folders of its own, and what is in one follows from the source tree,
# the options and the machine as it is now, never from what was there, or was not, when the folder was last used:
#
#   what is looked up      meson remembers headers, libraries and programs, also that there were none, and options that
#                          were given once; so a folder is configured from nothing each time, which takes a second
#   what is compiled       stays, and ninja compiles again what has other commands or newer sources; where another
#                          version of a compiler or header comes without either, the folder is emptied

# What ninja cannot see: versions, and what compilers read from the environment.
configure_state() {
    for compiler in "${CC:-cc}" "${CXX:-c++}"; do
        # A compiler may have arguments.
        # shellcheck disable=SC2086
        $compiler --version 2>/dev/null | head -n 1
    done
    env | grep -E '^(CPATH|C_INCLUDE_PATH|CPLUS_INCLUDE_PATH|LIBRARY_PATH|COMPILER_PATH|GCC_EXEC_PREFIX)=' | LC_ALL=C sort
    dpkg-query -W '*-dev' 2>/dev/null || :
}

# configure SOURCE FOLDER OPTION...: the folder is ready for ninja.
configure() {
    source=$1
    folder=$2
    shift 2
    state=$(configure_state)
    left=$folder
    if [ -f "$folder/made-with" ] && [ "$state" = "$(cat "$folder/made-with")" ]; then
        left=$folder/meson-private
    fi
    # Said in one line, rather than in one for each file.
    if ! mkdir -p "$folder" || [ ! -w "$folder" ] || ! rm -rf "$left" 2>/dev/null; then
        echo "$folder cannot be written to; it may be another user's" >&2
        return 1
    fi
    mkdir -p "$folder" && printf '%s\n' "$state" >"$folder/made-with" && meson setup "$folder" "$source" "$@"
}
