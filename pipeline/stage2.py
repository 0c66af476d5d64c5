"""Stamped partials of all shards flow in, alert transitions flow out: stage 2, per site and domain.

A window's end E is evaluated once every shard's watermark of the domain has reached E, on exactly
the partials stamped up to E. So neither the interleaving of shards nor the boundaries of flushes
can change what is decided. Of one shard's row the highest revision counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pipeline.alerts import service_level
from pipeline.alerts.service_level import WINDOW_MS, Alert, Level
from pipeline.exchange import PROCESS, Checkpoint, CheckpointItem, TransitionRow
from pipeline.operators.rows import Partial
from pipeline.site_rules import SiteRules, default_rules
from pipeline.stage1.fold import Watermark
from pipeline.timeline import BEGIN_OF_TIME, END_OF_TIME, MINUTE_MS, minute_of

FAMILY = "stage2"


class RowId(NamedTuple):
    """A queue's minute (epoch ms) on one shard."""

    queue: str
    minute: int
    shard: int


class Count(NamedTuple):
    """What a shard's row says: contacts within the threshold, and contacts that are decided."""

    revision: int
    within: int
    decided: int
    rules: str


@dataclass(slots=True)
class View:
    """One site in one domain: the rolling window over its queues."""

    evaluated: int = BEGIN_OF_TIME
    """The last end that was evaluated, epoch ms."""
    rows: dict[RowId, Count] = field(default_factory=dict)
    waiting: dict[int, dict[RowId, Count]] = field(default_factory=dict)
    """By stamp: what later ends will see."""
    sums: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Per queue: within and decided, summed over the window."""
    rules: dict[str, str] = field(default_factory=dict)
    """Per queue: the version of the rules under which it was last counted."""
    alerts: dict[str, Alert] = field(default_factory=dict)


class Stage2:
    """Merges the shards of every site and evaluates the rules.

    Args:
        shards: how many shards must have spoken before an end is evaluated.
        rules: configurations by version, shared with stage 1, which meets them first.
    """

    def __init__(self, shards: int, rules: Mapping[str, SiteRules]) -> None:
        self._shards = shards
        self._rules = rules
        self._watermarks: dict[str, dict[int, int]] = {}
        self._views: dict[tuple[str, str], View] = {}
        self._dirty: set[tuple[str, str]] = set()

    def take(self, items: Iterable[Partial | Watermark]) -> list[TransitionRow]:
        """Take in what the shards published and evaluate every end that is now complete."""
        domains: dict[str, None] = {}
        for item in items:
            domains[item.domain] = None
            if isinstance(item, Watermark):
                marks = self._watermarks.setdefault(item.domain, {})
                marks[item.shard] = max(marks.get(item.shard, BEGIN_OF_TIME), item.watermark)
            else:
                self._keep(item)
        transitions: list[TransitionRow] = []
        for domain in domains:
            marks = self._watermarks.get(domain, {})
            if len(marks) < self._shards:
                continue
            watermark = min(marks.values())
            for site, name in sorted(self._views):
                if name == domain:
                    transitions.extend(self._evaluate(site, domain, watermark))
            if watermark == END_OF_TIME:
                self._close(domain)
        return transitions

    def _keep(self, item: Partial) -> None:
        """Hold a partial until its stamp is evaluated; of one stamp the highest revision stands."""
        measures = item.measures
        short = measures.get("short_abandoned", 0)
        count = Count(
            item.revision,
            measures.get("answered_in_threshold", 0),
            measures.get("sl_offered", 0) - short,
            item.rules,
        )
        key = (item.key.site, item.domain)
        view = self._views.setdefault(key, View())
        row = RowId(item.key.values[0], item.key.minute, item.shard)
        waiting = view.waiting.setdefault(item.stamp, {})
        known = waiting.get(row)
        if known is None or count.revision >= known.revision:
            waiting[row] = count
        self._dirty.add(key)

    def _evaluate(self, site: str, domain: str, watermark: int) -> Iterable[TransitionRow]:
        view = self._views[site, domain]
        last = minute_of(watermark)
        while True:
            end = self._next_end(view)
            if end is None or end > last:
                break
            self._dirty.add((site, domain))
            yield from self._evaluate_end(view, site, domain, end)
            view.evaluated = end

    def _next_end(self, view: View) -> int | None:
        """The next end at which anything can change: the next minute, or the next partial's."""
        stamps = min(view.waiting, default=None)
        if view.evaluated == BEGIN_OF_TIME:
            return stamps
        if view.rows or view.alerts:
            return view.evaluated + MINUTE_MS
        return None if stamps is None else max(stamps, view.evaluated + MINUTE_MS)

    def _evaluate_end(
        self, view: View, site: str, domain: str, end: int
    ) -> Iterable[TransitionRow]:
        changed = self._slide(view, end)
        for queue in sorted(changed | set(view.alerts)):
            within, decided = view.sums.get(queue, (0, 0))
            rules = self._rules.get(view.rules.get(queue, ""), default_rules())
            group = "\x1f".join((site, domain, queue))
            alert, step = service_level.judge(
                view.alerts.get(queue),
                Level(end, within, decided),
                rules.limits(queue).target_pct,
                group,
            )
            if alert is not None:
                view.alerts[queue] = alert
            else:
                view.alerts.pop(queue, None)
                if queue not in view.sums:
                    view.rules.pop(queue, None)  # its next count brings the rules along
            if step is not None:
                yield TransitionRow(
                    site,
                    step.alert_id,
                    step.number,
                    service_level.RULE,
                    service_level.VERSION,
                    queue,
                    step.state,
                    service_level.SEVERITY,
                    domain,
                    step.window_start,
                    step.window_end,
                    step.value,
                    step.sample,
                    step.detail,
                )

    def _slide(self, view: View, end: int) -> set[str]:
        """Move the window to [end - 30 min, end); returns the queues whose sums changed."""
        changed: set[str] = set()
        begin = end - WINDOW_MS
        for stamp in sorted(stamp for stamp in view.waiting if stamp <= end):
            # In the order of rows, not of arrival: the last one says which rules hold for a queue.
            for row, count in sorted(view.waiting.pop(stamp).items()):
                if row.minute < begin:
                    continue  # too late for any window; the store has it
                known = view.rows.get(row)
                if known is not None and known.revision > count.revision:
                    continue
                self._add(view, row.queue, known, -1)
                self._add(view, row.queue, count, 1)
                view.rows[row] = count
                view.rules[row.queue] = count.rules
                changed.add(row.queue)
        for row in [row for row in view.rows if row.minute < begin]:
            self._add(view, row.queue, view.rows.pop(row), -1)
            changed.add(row.queue)
        return changed

    @staticmethod
    def _add(view: View, queue: str, count: Count | None, sign: int) -> None:
        if count is None:
            return
        within, decided = view.sums.get(queue, (0, 0))
        sums = (within + sign * count.within, decided + sign * count.decided)
        if sums == (0, 0):
            view.sums.pop(queue, None)
        else:
            view.sums[queue] = sums

    def _close(self, domain: str) -> None:
        """An ingest is complete: nothing of it is needed any more."""
        del self._watermarks[domain]
        for key in [key for key in self._views if key[1] == domain]:
            del self._views[key]
            self._dirty.add(key)

    # -- the checkpoint ---------------------------------------------------------------------

    def snapshot(self) -> Iterable[CheckpointItem]:
        """What changed since the last call."""
        yield CheckpointItem(PROCESS, FAMILY, "", json.dumps(self._watermarks))
        for key in sorted(self._dirty):
            view = self._views.get(key)
            state = None if view is None else _dump(view)
            yield CheckpointItem(PROCESS, FAMILY, json.dumps(key, ensure_ascii=False), state)
        self._dirty.clear()

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take up what `snapshot` gave."""
        states = dict(checkpoint.of(PROCESS, FAMILY))
        marks = json.loads(states.pop("", "{}"))
        self._watermarks = {
            domain: {int(shard): mark for shard, mark in by_shard.items()}
            for domain, by_shard in marks.items()
        }
        for key, state in states.items():
            site, domain = json.loads(key)
            self._views[site, domain] = _load(state)


def _dump(view: View) -> str:
    return json.dumps(
        {
            "evaluated": view.evaluated,
            "rows": [[*row, *count] for row, count in view.rows.items()],
            "waiting": [
                [stamp, [[*row, *count] for row, count in rows.items()]]
                for stamp, rows in view.waiting.items()
            ],
            "rules": view.rules,
            "alerts": {q: [a.alert_id, a.number, a.good_since] for q, a in view.alerts.items()},
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _load(state: str) -> View:
    saved: dict[str, Any] = json.loads(state)
    view = View(evaluated=saved["evaluated"], rules=saved["rules"])
    view.rows = {RowId(*flat[:3]): Count(*flat[3:]) for flat in saved["rows"]}
    view.waiting = {
        stamp: {RowId(*flat[:3]): Count(*flat[3:]) for flat in rows}
        for stamp, rows in saved["waiting"]
    }
    view.alerts = {queue: Alert(*alert) for queue, alert in saved["alerts"].items()}
    for row, count in view.rows.items():
        Stage2._add(view, row.queue, count, 1)
    return view
