"""Where flushes go: ClickHouse through clickhouse-driver, or memory, behind one `Store`."""
