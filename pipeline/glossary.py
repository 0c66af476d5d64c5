"""The catalogue in; what each metric means, in words of either language, out.

`goldpan metrics` shows it, and the glossary in `docs/` is made of it, so that neither can say
anything else than what is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.errors import ConfigError
from schemas.catalogue import Catalogue, Metric
from schemas.documents import nearest
from schemas.measures import BaseFamily, Cutoff, FactFamily, Measure, Text
from schemas.selection import breakdowns
from schemas.units import UNITS

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, ...] = ("zh", "en")

SECTIONS: Mapping[str, Text] = {
    "A": Text(zh="电话接入", en="Telephone access"),
    "B": Text(zh="一站式与重复", en="One-stop and repeat"),
    "C": Text(zh="坐席工时", en="Staff time"),
    "D": Text(zh="投诉量", en="Complaint volume"),
    "E": Text(zh="投诉处理", en="Complaint handling"),
    "F": Text(zh="升级（三道防线）", en="Escalation (three lines)"),
    "G": Text(zh="部门与改进（后向联动）", en="Departments and improvement (backward linkage)"),
    "H": Text(zh="客户之声与价值", en="Voice of customer and value"),
    "I": Text(zh="员工质量", en="Employee quality"),
    "J": Text(zh="管道自身", en="The pipeline itself"),
}
DIRECTIONS: Mapping[str, Text] = {
    "H": Text(zh="越高越好", en="higher is better"),
    "L": Text(zh="越低越好", en="lower is better"),
    "B": Text(zh="适中为宜", en="best within a band"),
    "N": Text(zh="无好坏之分", en="neither better nor worse"),
}
DIMENSIONS: Mapping[str | None, Text] = {
    "C": Text(zh="客户", en="customer"),
    "E": Text(zh="企业", en="enterprise"),
    "Y": Text(zh="员工", en="employee"),
    None: Text(zh="管道", en="pipeline"),
}
STAGES: Mapping[str, Text] = {
    "F": Text(zh="前向支撑", en="front support"),
    "I": Text(zh="内部运营", en="internal operation"),
    "B": Text(zh="后向联动", en="backward linkage"),
    "all": Text(zh="各环节", en="all stages"),
}
TIERS: Mapping[str, Text] = {
    "K": Text(zh="关键", en="key"),
    "R": Text(zh="参考", en="reference"),
}
_FRESHNESS: Mapping[str, Text] = {
    "live": Text(zh="实时（≤5 秒）", en="live (within 5 s)"),
    "near": Text(zh="准实时（≤60 秒）", en="near (within 60 s)"),
    "settled": Text(zh="定局后", en="settled: provisional until it is final"),
}
_CUTOFFS: Mapping[Cutoff, Text] = {
    "start": Text(zh="首次出现", en="start"),
    "entry": Text(zh="进入队列", en="entry"),
    "service_level": Text(zh="服务水平可判定", en="service level"),
    "exit": Text(zh="离开队列", en="exit"),
    "ring": Text(zh="振铃停止", en="ring"),
    "completion": Text(zh="处理完毕", en="completion"),
    "opened": Text(zh="开单", en="opened"),
    "event": Text(zh="事件发生", en="event"),
    "due": Text(zh="到期", en="due"),
    "change": Text(zh="进入与离开", en="change"),
    "passing": Text(zh="经过的每一分钟", en="passing"),
    "arrival": Text(zh="到达", en="arrival"),
}
_WORDS: Mapping[str, Text] = {
    "formula": Text(zh="公式", en="formula"),
    "variant": Text(zh="口径", en="variant"),
    "default": Text(zh="（默认）", en="(default)"),
    "missing": Text(zh="不可用", en="not available"),
    "unit": Text(zh="单位", en="unit"),
    "direction": Text(zh="方向", en="direction"),
    "cell": Text(zh="维度 × 环节", en="dimension × stage"),
    "tier": Text(zh="级别", en="tier"),
    "target": Text(zh="目标", en="target"),
    "limits": Text(zh="预警 / 严重", en="warning / critical"),
    "min_sample": Text(zh="最小样本", en="least sample"),
    "freshness": Text(zh="时效", en="freshness"),
    "by": Text(zh="可细分", en="broken down by"),
    "needs": Text(zh="所需事件", en="needs"),
    "any": Text(zh="任何事件", en="any event"),
    "edges": Text(zh="边界", en="edges"),
    "version": Text(zh="定义版本", en="definition version"),
    "title": Text(zh="指标词汇表", en="Glossary of metrics"),
    "measures": Text(zh="基础量", en="Base measures"),
    "made": Text(
        zh="由 `goldpan metrics glossary --lang zh` 从 `schemas/metrics.yaml` 生成，请勿手改。",
        en="Made from `schemas/metrics.yaml` by `goldpan metrics glossary`; do not edit.",
    ),
    "measured": Text(
        zh="公式由这些量组成。行按分钟累计；事实每个联络或工单一行；此刻的量没有过去。",
        en=(
            "What formulas are made of. Rows add up by minute; facts are one row per contact or "
            "ticket; what is of now has no past."
        ),
    ),
    "what": Text(zh="含义", en="meaning"),
    "counts": Text(zh="计入时刻", en="counts at"),
}


def say(text: Text, lang: Lang) -> str:
    """Return a text in a language."""
    return text.zh if lang == "zh" else text.en


def word(key: str, lang: Lang) -> str:
    """Return one of the glossary's own words."""
    return say(_WORDS[key], lang)


def find(catalogue: Catalogue, name: str) -> str:
    """Return the id of the metric called `name`: its id, or its name in either language.

    Raises:
        ConfigError: there is none; the message has the nearest ones.
    """
    if name in catalogue.metrics:
        return name
    called = {
        text.casefold(): metric_id
        for metric_id, metric in catalogue.metrics.items()
        for text in (metric.name.zh, metric.name.en)
    }
    if name.casefold() in called:
        return called[name.casefold()]
    msg = f"no metric {name!r}; {nearest(name, [*catalogue.metrics, *called])}"
    raise ConfigError(msg)


@dataclass(frozen=True)
class Entry:
    """What there is to say of a metric, each thing under its label."""

    name: str
    description: str
    lines: tuple[tuple[str, str], ...]


def entry(catalogue: Catalogue, metric_id: str, lang: Lang) -> Entry:
    """Return a metric's definition in words."""
    metric = catalogue.metrics[metric_id]
    labelled = ((word(key, lang), value) for key, value in _lines(catalogue, metric, lang))
    return Entry(say(metric.name, lang), say(metric.description, lang), tuple(labelled))


def _lines(catalogue: Catalogue, metric: Metric, lang: Lang) -> Iterator[tuple[str, str]]:
    if metric.missing is not None:
        yield "missing", say(metric.missing, lang)
    if metric.formula is not None:
        yield "formula", f"`{metric.formula}`"
    for name, variant in metric.variants.items():
        gap = " " if lang == "en" else ""
        chosen = gap + word("default", lang) if name == metric.default else ""
        note = "" if variant.note is None else f" — {say(variant.note, lang)}"
        yield "variant", f"`{name}`{chosen}: {say(variant.name, lang)}{note}: `{variant.formula}`"
    yield "unit", say(UNITS[metric.unit], lang)
    yield "direction", say(DIRECTIONS[metric.direction], lang)
    yield "cell", f"{say(DIMENSIONS[metric.dimension], lang)} × {say(STAGES[metric.stage], lang)}"
    yield "tier", say(TIERS[metric.tier], lang)
    if metric.target is not None:
        yield "target", say(metric.target, lang)
    if metric.limits is not None:
        yield "limits", f"{metric.limits.warn:g} / {metric.limits.crit:g}"
    if metric.min_sample is not None:
        yield "min_sample", str(metric.min_sample)
    ahead = metric.look_ahead
    yield "freshness", say(_FRESHNESS[metric.freshness] if ahead is None else ahead.said, lang)
    for text in _chosen(metric):
        kept = breakdowns(catalogue, catalogue.compile(text))
        if kept:
            yield "by", "; ".join(", ".join(dimensions) for dimensions in kept)
    needs = ", ".join(f"`{need}`" for need in metric.needs)
    yield "needs", needs or word("any", lang)
    if metric.edges is not None:
        yield "edges", say(metric.edges, lang)
    yield "version", str(metric.definition_version)


def _chosen(metric: Metric) -> tuple[str, ...]:
    """Return the formula that is used unless another is asked for."""
    return () if metric.missing is not None else (metric.formulas()[metric.default],)


def markdown(catalogue: Catalogue, lang: Lang) -> str:
    """Return the glossary as a page: every metric by section, then every base measure."""
    parts = [f"# {word('title', lang)}\n\n{word('made', lang)}\n"]
    for section, title in SECTIONS.items():
        parts.append(f"\n## {section} {say(title, lang)}\n")
        for metric_id, metric in catalogue.metrics.items():
            if metric.section == section:
                one = entry(catalogue, metric_id, lang)
                lines = "".join(f"- {label}: {value}\n" for label, value in one.lines)
                parts.append(f"\n### {one.name} `{metric_id}`\n\n{one.description}\n\n{lines}")
    parts.append(f"\n## {word('measures', lang)}\n\n{word('measured', lang)}\n")
    for name, family in catalogue.families.items():
        is_base = isinstance(family, BaseFamily)
        time = f", {family.time}" if isinstance(family, FactFamily) else ""
        head = [word("what", lang), word("unit", lang), *([word("counts", lang)] * is_base)]
        parts.append(f"\n### `{name}` ({family.table}{time})\n\n| | {' | '.join(head)} |\n")
        parts.append("|" + "---|" * (len(head) + 1) + "\n")
        for measure, definition in family.measures.items():
            cells = [f"`{measure}`", say(definition.description, lang), definition.unit]
            if isinstance(definition, Measure):
                cells.append(say(_CUTOFFS[definition.cutoff], lang))
            parts.append(f"| {' | '.join(cells)} |\n")
    return "".join(parts)
