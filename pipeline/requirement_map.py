"""The map of requirements in, a page in both languages out: what is asked for, what answers it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from schemas.catalogue import Catalogue
from schemas.requirements import Requirement, Requirements, State

_STATES: Mapping[State, str] = {
    "now": "现有 now",
    "partly": "部分 partly",
    "planned": "计划 planned",
    "elsewhere": "不属监控 elsewhere",
}
_HEAD = """\
# 需求对照 · Requirement map

由 `goldpan metrics requirements` 从 `schemas/requirements.yaml` 生成，请勿手改。
带 ○ 的指标已定义，尚不能计算；各指标的含义见[词汇表](glossary.zh.md)。

Made from `schemas/requirements.yaml` by `goldpan metrics requirements`; do not edit.
Metrics with ○ are defined and cannot be computed yet; what they mean: [glossary](glossary.md).

"""


def markdown(requirements: Requirements, catalogue: Catalogue) -> str:
    """Return the page: a line for each requirement, in the order of their numbers."""
    ordered = sorted(requirements.items(), key=lambda item: int(item[0][1:]))
    counts = Counter(requirement.state(catalogue) for _, requirement in ordered)
    told = ", ".join(f"{text} {counts[state]}" for state, text in _STATES.items())
    lines = [f"{len(ordered)}: {told}\n\n", "| | 要求 | asks | | 由…满足 answered by |\n"]
    lines.append("|---|---|---|---|---|\n")
    for key, requirement in ordered:
        state = _STATES[requirement.state(catalogue)]
        answers = "; ".join(_answers(requirement, catalogue))
        lines.append(
            f"| {key} | {requirement.asks.zh} | {requirement.asks.en} | {state} | {answers} |\n"
        )
    return _HEAD + "".join(lines)


def _answers(requirement: Requirement, catalogue: Catalogue) -> Iterator[str]:
    if requirement.metrics:
        named = (
            f"`{name}`" + ("" if catalogue.metrics[name].missing is None else " ○")
            for name in requirement.metrics
        )
        yield f"指标 metrics {', '.join(named)}"
    for kind, names in (
        ("看板 boards", requirement.boards),
        ("规则 rules", requirement.rules),
        ("命令 commands", tuple(f"goldpan {name}" for name in requirement.commands)),
    ):
        if names:
            yield f"{kind} {', '.join(f'`{name}`' for name in names)}"
    if requirement.planned is not None:
        yield f"计划 planned: {requirement.planned.zh} / {requirement.planned.en}"
    if requirement.elsewhere is not None:
        yield f"{requirement.elsewhere.zh} / {requirement.elsewhere.en}"
