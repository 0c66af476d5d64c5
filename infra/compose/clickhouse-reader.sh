#!/bin/sh
# Run once by ClickHouse's image in an empty data directory: the boards' account, which only reads.
set -eu
reader=$(cat /run/secrets/reader_password)
clickhouse-client --user goldpan --password "$(cat /run/secrets/writer_password)" --multiquery <<SQL
CREATE USER IF NOT EXISTS reader IDENTIFIED BY '$reader'
  SETTINGS readonly = 2, max_execution_time = 30, max_memory_usage = 2000000000;
GRANT SELECT ON goldpan.* TO reader;
SQL
