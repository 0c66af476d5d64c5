#!/bin/sh
# Sees to what the tests need beside Python: Java and Maven for the broker, a browser, letters for
# its Chinese, a ClickHouse server that is not ours, for faults on the wire to it, and Compose, which
# reads our file without any container.
set -eu

missing=""
java -version 2>/dev/null || missing="$missing default-jre-headless"
command -v mvn >/dev/null || missing="$missing maven"
command -v docker-compose >/dev/null || missing="$missing docker-compose"
command -v clickhouse-server >/dev/null || missing="$missing clickhouse-server"
command -v chromium >/dev/null || missing="$missing chromium"
ls /usr/share/fonts/opentype/noto/NotoSansCJK* >/dev/null 2>&1 || missing="$missing fonts-noto-cjk"
[ -z "$missing" ] || exec sh "$(dirname "$0")/install_packages.sh" \
    "The tests need Java, Maven, Chromium, Chinese letters, ClickHouse and Docker Compose" $missing
