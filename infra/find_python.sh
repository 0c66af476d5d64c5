#!/bin/sh
# Prints a Python that can make environments. What is missing is installed where that is possible
# without asking (root on Debian); elsewhere this says what to install, and fails.
set -eu

say() {
    printf '   %s\n' "$*" >&2
}

# The first Python of version 3.11 or later, or nothing. PYTHON=... asks for a certain one.
find_python() {
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$name"
            return
        fi
    done
}

can_make_environments() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

python=$(find_python)
if [ -n "$python" ] && can_make_environments "$python"; then
    printf '%s\n' "$python"
    exit
fi

packages="python3 python3-venv"
[ -z "$python" ] || packages="$(basename "$python")-venv"
sh "$(dirname "$0")/install_packages.sh" "Python 3.11 or later with venv is needed" $packages

python=$(find_python)
if [ -z "$python" ] || ! can_make_environments "$python"; then
    say "this Debian's Python is older than 3.11: name a later one, as in make PYTHON=python3.12 test"
    exit 1
fi
printf '%s\n' "$python"
