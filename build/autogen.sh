#!/bin/sh
# autogen.sh - makes ./configure from configure.ac, for a fresh clone.
set -eu
cd "$(dirname "$0")/.."
for tool in autoconf automake libtoolize pkg-config; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "autogen: $tool is missing; on Debian: apt-get install" \
            "autoconf automake libtool pkg-config" >&2
        exit 1
    }
done
mkdir -p build/m4 build/aux
exec autoreconf --install --force --warnings=all,no-obsolete
