"""What Goldpan runs on: the embedded ClickHouse server, compose files, provisioning, a site."""
