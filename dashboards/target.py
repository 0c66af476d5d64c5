"""SQL in, a panel's query as grafana-clickhouse-datasource 4.20 reads it, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from grafana_foundation_sdk.cog import builder, runtime, variants

DATASOURCE = {"type": "grafana-clickhouse-datasource", "uid": "goldpan-clickhouse"}
PLUGIN_VERSION = "4.20.0"
TIMESERIES, TABLE = 0, 1
"""What the plugin's backend makes of the rows."""


@dataclass
class ClickHouseQuery(variants.Dataquery):
    """One query of a panel, in the plugin's SQL editor."""

    sql: str
    form: int = TABLE
    ref_id: str = "A"

    def to_json(self) -> dict[str, object]:
        """Return it as the plugin stores it."""
        return {
            "refId": self.ref_id,
            "datasource": DATASOURCE,
            "pluginVersion": PLUGIN_VERSION,
            "editorType": "sql",
            "format": self.form,
            "queryType": "timeseries" if self.form == TIMESERIES else "table",
            "rawSql": self.sql,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read it back; the SDK does so to find keys that it does not know."""
        return cls(sql=data["rawSql"], form=data["format"], ref_id=data["refId"])


class Query(builder.Builder[variants.Dataquery]):
    """The builder that the SDK's panels take."""

    def __init__(self, sql: str, form: int = TABLE) -> None:
        self._query = ClickHouseQuery(sql, form)

    def build(self) -> variants.Dataquery:
        """Return the query."""
        return self._query


def register() -> None:
    """Tell the SDK how to read our queries."""
    runtime.Runtime().register_dataquery_variant(
        runtime.DataqueryConfig(
            identifier=DATASOURCE["type"], from_json_hook=ClickHouseQuery.from_json
        )
    )
