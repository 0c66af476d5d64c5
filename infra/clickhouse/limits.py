"""Bytes of memory go in, the engine's settings come out: what differs from chDB's own defaults."""

from __future__ import annotations

from dataclasses import dataclass

BASE = {
    # chDB differs from a server here: rows acknowledged before they are stored, and a query
    # without SELECT taken for one.
    "async_insert": "0",
    "implicit_select": "0",
    # Without it a retried insert feeds a materialized view twice.
    "deduplicate_blocks_in_dependent_materialized_views": "1",
}


@dataclass(frozen=True)
class Limits:
    """Bounds on memory, in bytes.

    Attributes:
        server: all queries, merges and caches together; the engine then refuses allocations.
    """

    server: int

    def startup(self) -> dict[str, int]:
        """Settings of the engine as a whole."""
        cache = max(64 << 20, self.server // 16)
        return {
            "max_server_memory_usage": self.server,
            "mark_cache_size": cache,
            "index_mark_cache_size": cache // 4,
            "primary_index_cache_size": cache,
        }

    def query(self) -> dict[str, str]:
        """Settings of each query: spill to disk well before the limit refuses."""
        return {
            "max_memory_usage": str(self.server * 3 // 4),
            "max_bytes_before_external_group_by": str(self.server // 4),
            "max_bytes_before_external_sort": str(self.server // 4),
        }
