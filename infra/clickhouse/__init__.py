"""A data directory goes in, the address of a running embedded ClickHouse server comes out.

The engine is chDB, in a process of its own, behind the ClickHouse native protocol on loopback: any
number of unmodified ``clickhouse-driver`` clients use it as they would a real server.
It is not a multi-user server: a client can read local files through ``file()``.
"""

from infra.clickhouse.errors import EmbeddedServerError, NotReadyError
from infra.clickhouse.supervisor import Server, start, status, stop

__all__ = ["EmbeddedServerError", "NotReadyError", "Server", "start", "status", "stop"]
