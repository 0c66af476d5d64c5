"""Messages of one partition of `partials` flow in, alert transitions flow out: stage 2, hosted.

All that shards publish about a site comes through one partition, so whoever has that partition
holds the site's one ordered state.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipeline.exchange import PROCESS, Checkpoint, CheckpointItem, TransitionRow
from pipeline.runtimes.partials import decode, items_of
from pipeline.site_rules import SiteRules, read_rules
from pipeline.stage2 import FAMILY, Stage2

SITES = 60_000
"""From here on the checkpoint counts the partitions of `partials`, above the shards."""
_META, _CONFIG = "sites", "config"


class Sites:
    """Stage 2 for the sites of one partition.

    Args:
        partition: of the topic `partials`.
        shards: how many publish.
        checkpoint: what `snapshot` gave.
    """

    def __init__(self, partition: int, shards: int, checkpoint: Checkpoint) -> None:
        self.place = SITES + partition
        rules: dict[str, SiteRules] = {}
        self._rules = rules
        self._new_configs: dict[str, str] = {}
        self._stage2 = Stage2(shards, rules)
        meta = json.loads(checkpoint.of(self.place, _META).get("", "{}"))
        self.identity: str = meta.get("identity", "")
        self.offset: int = meta.get("offset", -1)
        self._upto: dict[int, int] = {int(s): r for s, r in meta.get("upto", {}).items()}
        for version, content in checkpoint.of(self.place, _CONFIG).items():
            rules[version] = read_rules(version, content)
        items = checkpoint.of(self.place, FAMILY).items()
        self._stage2.restore(
            Checkpoint([CheckpointItem(PROCESS, FAMILY, key, state) for key, state in items])
        )

    def take(self, offset: int, content: bytes) -> list[TransitionRow]:
        """Take in one message; one that was taken in before changes nothing."""
        if offset <= self.offset:
            return []
        self.offset = offset
        message = decode(content)
        if message.upto and message.upto <= self._upto.get(message.shard, -1):
            return []
        for version, text in message.configs.items():
            if version not in self._rules:
                self._rules[version] = read_rules(version, text)
                self._new_configs[version] = text
        if message.upto:
            self._upto[message.shard] = message.upto
        return self._stage2.take(items_of(message))

    def snapshot(self) -> Iterator[CheckpointItem]:
        """What changed since the last call."""
        meta = {"identity": self.identity, "offset": self.offset, "upto": self._upto}
        yield CheckpointItem(self.place, _META, "", json.dumps(meta))
        for version, text in self._new_configs.items():
            yield CheckpointItem(self.place, _CONFIG, version, text)
        self._new_configs.clear()
        for item in self._stage2.snapshot():
            yield item._replace(shard=self.place)
