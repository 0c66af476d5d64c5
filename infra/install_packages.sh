#!/bin/sh
# Installs Debian packages where that is possible without asking (root on Debian); elsewhere says
# what to install, and fails. $1 says what they are for.
set -eu

purpose=$1
shift
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    printf '   %s. On Debian: sudo apt-get install %s\n' "$purpose" "$*" >&2
    exit 1
fi
printf '   installing %s\n' "$*" >&2
apt-get update -qq </dev/null >&2
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2
