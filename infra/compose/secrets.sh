#!/bin/sh
# Makes the passwords of a deployment, once: into secrets/ beside this file. Containers run as users
# of their own and must be able to read the files, so it is the directory that keeps others out.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
for name in writer_password reader_password grafana_password; do
    [ -s "secrets/$name" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"secrets/$name"
done
printf 'clickhouse://goldpan:%s@clickhouse:9000/goldpan' "$(cat secrets/writer_password)" >secrets/store
chmod 644 secrets/*
