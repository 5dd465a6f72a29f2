# SPDX-License-Identifier: MIT
#
# Sourced by the scripts that start from a bare machine. `need_packages NAME...` makes sure that Debian packages
# are installed: it asks dpkg which are missing and installs those alone, as root or through `sudo -n`. Where it
# cannot, it prints the one command that would and returns 1. Everything it says goes to standard error, so that
# the caller's standard output stays its own.
#
# On systems without dpkg it installs nothing and checks nothing but the tools themselves: when meson, ninja,
# pkg-config and a C compiler are there it trusts that the libraries are too (the build says so if not);
# otherwise it names the Debian packages to look for.

packages_missing() {
    for package in "$@"; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=absent
        [ "$status" = installed ] || printf '%s ' "$package"
    done
}

packages_install() {
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root='sudo -n'
    else
        return 1
    fi
    # The lists of a fresh machine are empty or old: use them first, and fetch them only when that fails.
    apt_install="$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends"
    $apt_install "$@" </dev/null >&2 2>/dev/null && return 0
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q </dev/null >&2
    $apt_install "$@" </dev/null >&2
}

need_packages() {
    if ! command -v dpkg-query >/dev/null 2>&1; then
        for tool in cc meson ninja pkg-config; do
            command -v "$tool" >/dev/null 2>&1 && continue
            echo "$tool not found. What is needed, by its Debian names: $*" >&2
            return 1
        done
        return 0
    fi
    missing=$(packages_missing "$@")
    [ -n "$missing" ] || return 0
    echo "installing: $missing" >&2
    # The names are split into words on purpose.
    # shellcheck disable=SC2086
    packages_install $missing && [ -z "$(packages_missing $missing)" ] && return 0
    echo "These packages are missing; install them with:" >&2
    echo "    apt-get update && apt-get install -y --no-install-recommends $missing" >&2
    return 1
}
