"""Payloads flow in from the sources of one process, acknowledged records on Kafka flow out.

The subject map of a deployment is this process's own, and is kept beside it: what was published
after it was last saved is observed again from the topic. Applying the records is the workers' part.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from pipeline.decode import DeadLetter, Decoder
from pipeline.log.cluster import Cluster
from pipeline.log.kafka import PATIENT_MS, KafkaLog, KafkaReader
from pipeline.log.writers import Writer, refuse_live, refuse_successor
from pipeline.runtimes.publisher import Publisher, make_directory, wall_clock_ms
from pipeline.sources.subjects import Progress, SubjectMap
from schemas.records import LIVE, RecordKind


class KafkaPublisher(Publisher):
    """The way into a deployment's topic of events.

    Args:
        cluster: with the deployment's topics.
        directory: where the subject map lies; one process at a time.
        max_skew_ms: how far a source's clock may be ahead.
        clock: gives the time in epoch ms.
        delivery_ms: how long payloads are offered to a broker that does not take them.
    """

    def __init__(
        self,
        cluster: Cluster,
        directory: Path,
        max_skew_ms: int,
        clock: Callable[[], int] = wall_clock_ms,
        *,
        delivery_ms: int = PATIENT_MS,
    ) -> None:
        make_directory(directory)
        self._cluster = cluster
        self._decoder = Decoder(max_skew_ms=max_skew_ms)
        self._rejected: dict[str, int] = {}
        self._subject_file = SubjectMap(directory / "subjects.sqlite")
        try:
            self.log = KafkaLog(cluster, delivery_ms=delivery_ms)
        except BaseException:
            self._subject_file.close()
            raise
        super().__init__(self.log, self._subject_file, clock, max_skew_ms)
        self._configs: dict[str, str] = {}
        self._writer = Writer(0)

    def start(self) -> None:
        """Bring the subject map up to the end of the topic.

        How far a file is, is believed as it was saved: what was sent and not acknowledged is sent
        again. A topic that was made anew has nothing of a file that was not in to its end.

        Raises:
            BrokerError: the topic cannot be read, or another process writes to it.
        """
        saved = json.loads(self.subjects.applied_position or "{}")
        with KafkaReader(self._cluster) as reader:
            first, after = reader.bounds()
            begin = first
            if saved.get("identity") == self.log.identity:
                self._configs = saved["configs"]
                begin = [max(a, b) for a, b in zip(first, saved["offsets"], strict=True)]
            else:
                for domain, progress in self.subjects.ingests().items():
                    if not progress.ended:
                        anew = Progress(0, ended=False, name=progress.name)
                        self.subjects.set_progress(domain, anew)
            # Who belongs to whom is decided by who came first, on whatever shard.
            events = (r for r in reader.read(begin, after) if r.kind == RecordKind.EVENT)
            for record in sorted(events, key=lambda r: (r.ingest_ms, r.offset)):
                self.observe(record)
            # The process that wrote before from this directory is over, or we would not have it.
            others = reader.writers - {saved.get("writer", ""), self.log.writer}
            refuse_live(reader, after, others, str(self._writer))
        self._writer = Writer(sum(after))
        self.log.writer = self._writer.name
        self.log.ends = after
        self.save_subjects()

    def publish(
        self, domain: str, payloads: Iterable[bytes], lateness_ms: int | None = None
    ) -> None:
        """See `Publisher.publish`; of files, what will be a dead letter is counted here.

        Raises:
            BrokerError: not all is acknowledged; see `KafkaLog.commit`.
        """
        payloads = list(payloads)
        super().publish(domain, payloads, lateness_ms)
        if domain != LIVE:
            judged = (self._decoder.decode(payload, self.now()) for payload in payloads)
            bad = sum(isinstance(event, DeadLetter) for event in judged)
            self._rejected[domain] = self.rejected(domain) + bad

    def configure(self, site: str, version: str, content: str, who: str) -> bool:
        """Let a configuration enter the topic, unless this deployment's last one is the same.

        Returns:
            Whether it was new.
        """
        if self._configs.get(site) == version:
            return False
        self.announce(site, version, content, who)
        self._configs[site] = version
        self.save_subjects()
        return True

    def rejected(self, domain: str) -> int:
        """Dead letters of a file that this process has sent."""
        return self._rejected.get(domain, 0)

    def save_subjects(self) -> None:
        """Make the subject map durable up to what has been acknowledged."""
        with self._publishing:
            place = {
                "identity": self.log.identity,
                "offsets": self.log.ends,
                "configs": self._configs,
                "writer": self.log.writer,
            }
            self.subjects.save(json.dumps(place))

    def tick(self) -> None:
        """See `Publisher.tick`; looks who else writes, where somebody may.

        Raises:
            BrokerError: the ticks are not acknowledged, or another process took over.
        """
        super().tick()
        with self._publishing:
            gaps = dict(self.log.gaps)
        if gaps:
            refuse_successor(self._cluster, gaps, self._writer)
            with self._publishing:
                for shard, (_, end) in gaps.items():
                    begin, now = self.log.gaps.pop(shard)
                    if now > end:
                        self.log.gaps[shard] = (max(begin, end), now)

    def catch_up(self) -> None:
        """The workers do."""

    def settle(self) -> None:
        """The workers do."""

    def close(self) -> None:
        """Let go of the broker and the subject map."""
        self.log.close()
        self.subjects.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
