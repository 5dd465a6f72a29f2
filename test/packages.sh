# SPDX-License-Identifier: MIT
#
# Sourced by the scripts that start from a bare machine. `need_packages NAME...` makes sure that Debian packages
# are installed: it asks dpkg which are missing and installs those alone, as root or through `sudo -n`. Where it
# cannot, it prints the one command that would and returns 1. Everything it says goes to standard error, so that
# the caller's standard output stays its own.
#
# A dpkg that was interrupted is let finish first, and one that is running is waited for.
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

# With the path of root, which `su` does not set and dpkg wants.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin" "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    fi </dev/null >&2
}

packages_install() {
    [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null || return 1
    apt_install='apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300'
    # The lists of a fresh machine are empty or old: use them first, and fetch them only when that fails. The words of
    # the command are split on purpose.
    # shellcheck disable=SC2086
    as_root $apt_install "$@" 2>/dev/null && return 0
    as_root dpkg --configure -a
    as_root apt-get update -q
    # shellcheck disable=SC2086
    as_root $apt_install "$@"
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
