#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Prepares a build for aarch64 on a Debian machine of another architecture.
#
#     sh test/aarch64.sh FOLDER      makes FOLDER anew, with FOLDER/cross.ini for `meson setup --cross-file`
#
# The cross compiler, its C library and the emulator are packages of the machine's own architecture and have to be
# there. Concurrency Kit and cmocka are not: those of aarch64 are fetched and unpacked into the folder, by an apt that keeps
# its books there too, so that the machine takes on no other architecture. The headers of Concurrency Kit have to be those
# of aarch64: one of them says how the machine orders memory.
set -eu
unset CDPATH
mkdir -p "$1"
folder=$(CDPATH='' cd -- "$1" && pwd)
rm -rf "${folder:?}"/*
cd "$folder"

mkdir -p lists/partial cache/archives/partial packages root
apt() {
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State::status=/dev/null \
        -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=root "$@"
}
apt update
(cd packages && apt download libck-dev libck0 libcmocka-dev libcmocka0)
for package in packages/*.deb; do
    dpkg-deb -x "$package" root
done
rm -r lists cache packages

libraries=$folder/root/usr/lib/aarch64-linux-gnu
cat >cross.ini <<END
[binaries]
c = 'aarch64-linux-gnu-gcc'
ar = 'aarch64-linux-gnu-gcc-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu', '-E', 'LD_LIBRARY_PATH=$libraries',
        '-E', 'ERRGROUP_TEST_EMULATED=1']

[properties]
pkg_config_libdir = '$libraries/pkgconfig'

[built-in options]
c_args = ['-isystem', '$folder/root/usr/include']
c_link_args = ['-L$libraries']

[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
END
