"""metrics.yaml in, the checked catalogue out: every metric, its formula as a tree, its family.

One definition serves the report, the views, the boards and the rules. A definition that cannot be
computed is refused when it is loaded, with its line; a metric whose events are not processed yet
is there with its reason, so that a reader is told "not available: needs ..." and never sees 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import product
from typing import Literal

from pydantic import Field, model_validator

from schemas import formula
from schemas.documents import Problem, nearest, read_document
from schemas.look_ahead import LookAhead
from schemas.measures import FactFamily, FactMeasure, Family, Id, Name, Strict, Text
from schemas.units import Unit
from schemas.versions import FILE as VERSIONS
from schemas.versions import Versions, fingerprint, load_versions


class Variant(Strict):
    """One of several definitions in use for the same name."""

    formula: str
    name: Text
    note: Text | None = None


class Limits(Strict):
    """From where on a value needs attention, and from where on at once, in the metric's unit.

    Exactly `warn` is still good. A band (direction B) is judged at its upper side.
    """

    warn: float
    crit: float


class Metric(Strict):
    """What is shown: one formula, or several variants of which one is the default."""

    section: str
    name: Text
    description: Text
    formula: str | None = None
    variants: dict[Id, Variant] = Field(default_factory=dict)
    default: Id | None = None
    unit: Unit
    direction: Literal["H", "L", "B", "N"]
    """Higher is better, lower is better, a band, neutral."""
    dimension: Literal["C", "E", "Y"] | None = None
    """Customer, enterprise, employee; none for the pipeline's own metrics."""
    stage: Literal["F", "I", "B", "all"]
    """Front support, internal operation, backward linkage."""
    tier: Literal["K", "R"] = "R"
    """Key or reference."""
    needs: tuple[str, ...] = ()
    """The events, or event.field, without which there is no value."""
    missing: Text | None = None
    """Why the metric cannot be computed yet; a metric with it has no formula."""
    target: Text | None = None
    limits: Limits | None = None
    """What boards colour by; a proposal where the centre sets none of its own."""
    min_sample: int | None = Field(default=None, ge=1)
    """Below this denominator a value is marked as resting on few contacts."""
    freshness: Literal["live", "near", "settled"] = "near"
    look_ahead: LookAhead | None = None
    """For how long after a period its value is provisional; none if it is final at once."""
    definition_version: int = Field(default=1, ge=1)
    edges: Text | None = None

    @model_validator(mode="after")
    def _defined_once(self) -> Metric:
        ways = [self.formula is not None, bool(self.variants), self.missing is not None]
        if sum(ways) != 1:
            msg = "give exactly one of formula, variants, missing"
            raise ValueError(msg)
        if bool(self.variants) != (self.default is not None):
            msg = "variants and default go together"
            raise ValueError(msg)
        if self.default is not None and self.default not in self.variants:
            msg = f"default: no variant {self.default!r}; {nearest(self.default, [*self.variants])}"
            raise ValueError(msg)
        self._check_limits()
        return self

    def _check_limits(self) -> None:
        if self.limits is None:
            return
        worse = self.limits.crit - self.limits.warn
        if not (worse < 0 if self.direction == "H" else self.direction in "LB" and worse > 0):
            msg = "limits: need direction H with crit below warn, or L or B with crit above warn"
            raise ValueError(msg)

    def formulas(self) -> dict[str | None, str]:
        """Return the formula of each variant, or the only one under None."""
        if self.formula is not None:
            return {None: self.formula}
        return {name: variant.formula for name, variant in self.variants.items()}


class CatalogueFile(Strict):
    """The whole of metrics.yaml, before names are resolved."""

    format: Literal[1]
    families: dict[Name, Family]
    metrics: dict[Name, Metric]


class DefinitionsFile(Strict):
    """A site's own measures, by the family of facts that they join, and metrics."""

    format: Literal[1]
    measures: dict[Name, dict[Name, FactMeasure]] = Field(default_factory=dict)
    metrics: dict[Name, Metric] = Field(default_factory=dict)


@dataclass(frozen=True)
class Formula:
    """A formula that can be computed: its tree, and which family each of its measures is of."""

    text: str
    tree: formula.Node
    homes: Mapping[str, str]

    @property
    def families(self) -> tuple[str, ...]:
        """Return the families whose measures it reads, in the order of their names."""
        return tuple(sorted(set(self.homes.values())))

    @property
    def measures(self) -> frozenset[str]:
        """Return the measures that it reads."""
        return frozenset(self.homes)

    def of(self, family: str) -> dict[str, Formula]:
        """Return its measures of one family, each as a formula of its own."""
        return {
            measure: Formula(measure, formula.Measured(measure), {measure: home})
            for measure, home in sorted(self.homes.items())
            if home == family
        }


@dataclass(frozen=True)
class Catalogue:
    """Every family and metric; what a report, a view or a rule resolves its names against."""

    families: Mapping[str, Family]
    metrics: Mapping[str, Metric]

    def compile(self, text: str) -> Formula:
        """Compile a formula over measures, of one family or of several.

        Raises:
            FormulaError: not a formula, or an unknown measure.
        """
        scalars: dict[str, str] = {}
        histograms: dict[str, str] = {}
        for name, family in self.families.items():
            for measure, definition in family.measures.items():
                is_histogram = getattr(definition, "kind", "sum") == "histogram"
                (histograms if is_histogram else scalars)[measure] = name
        tree = formula.parse(text, scalars, histograms, self.metrics)
        homes = {m: scalars.get(m) or histograms[m] for m in formula.measures(tree)}
        if not homes:
            msg = f"{text!r}: a formula reads at least one measure"
            raise formula.FormulaError(msg)
        return Formula(text, tree, homes)

    def switches(self, metric_id: str) -> dict[str, Formula]:
        """Return the variants between which a site may choose: those of the default's families.

        Others say the same less exactly, from other tables: they are asked for by name.
        """
        metric = self.metrics[metric_id]
        variants = {name: self.compile(one.formula) for name, one in metric.variants.items()}
        usual = variants[metric.default].families if metric.default else ()
        return {name: one for name, one in variants.items() if one.families == usual}

    def using(self, variants: Mapping[str, str]) -> Catalogue:
        """Return the catalogue with a site's choice of variants as the defaults.

        Raises:
            ValueError: there is no such metric or variant; the message names those there are.
        """
        metrics = dict(self.metrics)
        for metric_id, variant in variants.items():
            if metric_id not in metrics:
                msg = f"no metric {metric_id!r}; {nearest(metric_id, [*metrics])}"
                raise ValueError(msg)
            known = [*self.switches(metric_id)]
            if variant not in known:
                remedy = nearest(variant, known) if known else "it has one definition only"
                msg = f"no variant {variant!r} of {metric_id} to go by; {remedy}"
                raise ValueError(msg)
            metrics[metric_id] = metrics[metric_id].model_copy(update={"default": variant})
        return Catalogue(self.families, metrics)

    def versions(self) -> Versions:
        """Return the fingerprint of each metric that can be computed, under its version.

        It follows from formulas, unit and default, and from what the measures count. Words,
        targets and limits change no number, nor does the way in which a formula is written.
        """
        found: dict[str, dict[int, str]] = {}
        for metric_id, metric in self.metrics.items():
            formulas = {n or "": self.compile(text) for n, text in metric.formulas().items()}
            if formulas:
                content = {
                    "unit": metric.unit,
                    "default": metric.default,
                    "formulas": {name: repr(one.tree) for name, one in formulas.items()},
                    "measures": {
                        measure: self._counted(home, measure)
                        for one in formulas.values()
                        for measure, home in one.homes.items()
                    },
                }
                found[metric_id] = {metric.definition_version: fingerprint(content)}
        return found

    def _counted(self, home: str, measure: str) -> object:
        """Return what a measure counts, as plain data; not its words, nor by what it is kept."""
        family = self.families[home]
        place = {"table": family.table, "time": getattr(family, "time", "")}
        where = getattr(family, "where", {})
        counted = family.measures[measure].model_dump(mode="json", exclude={"description", "sets"})
        return [place, where, counted]

    def changed(self, versions: Versions) -> Iterator[Problem]:
        """Yield each metric that is not what was recorded under its version."""
        for metric_id, today in self.versions().items():
            known = versions.get(metric_id, {})
            for number, print_ in today.items():
                if known.get(number, print_) != print_:
                    text = (
                        f"its numbers are not those of version {number} any more: set "
                        f"definition_version to {max(known) + 1} and run 'goldpan metrics record'; "
                        f"or take version {number} out of {VERSIONS}, if it was never released"
                    )
                    yield ("metrics", metric_id), text

    def empty_cells(self) -> Iterator[Problem]:
        """Yield each dimension and stage that no key metric watches."""
        key = [metric for metric in self.metrics.values() if metric.tier == "K"]
        for dimension, stage in product("CEY", "FIB"):
            if not any(m.dimension == dimension and m.stage in (stage, "all") for m in key):
                text = f"no key metric for dimension {dimension}, stage {stage}: give one tier K"
                yield ("metrics",), text

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong across definitions: names given twice, formulas in vain."""
        seen: dict[str, str] = {}
        for name, family in self.families.items():
            for measure in family.measures:
                if measure in seen:
                    text = f"{measure!r} exists in {seen[measure]} too; choose another name"
                    yield ("families", name, "measures", measure), text
                seen.setdefault(measure, name)
        for metric_id, metric in self.metrics.items():
            for variant, text in metric.formulas().items():
                try:
                    self.compile(text)
                except formula.FormulaError as error:
                    where = ("variants", variant, "formula") if variant else ("formula",)
                    yield ("metrics", metric_id, *where), str(error)


def read_catalogue(name: str, text: str, versions: Versions | None = None) -> Catalogue:
    """Read a whole catalogue.

    Args:
        name: how the file is called in messages.
        text: the file's content.
        versions: what was recorded of the product's own metrics, which then must be complete.

    Raises:
        DocumentError: every problem, with file and line.
    """

    def problems(file: CatalogueFile) -> Iterator[Problem]:
        catalogue = _catalogue(file)
        found = list(catalogue.problems())
        yield from found
        if versions is not None and not found:
            yield from catalogue.empty_cells()
            yield from catalogue.changed(versions)

    return _catalogue(read_document(name, text, CatalogueFile, problems))


def _catalogue(file: CatalogueFile) -> Catalogue:
    return Catalogue(dict(file.families), dict(file.metrics))


def extend_catalogue(base: Catalogue, name: str, text: str) -> Catalogue:
    """Add a site's own definitions file to a catalogue.

    Its measures are facts, which need no operator and so exist at once for all history.

    Raises:
        DocumentError: every problem, with file and line.
    """

    def merged(file: DefinitionsFile) -> Catalogue:
        families = dict(base.families)
        for family_name, measures in file.measures.items():
            family = families.get(family_name)
            if isinstance(family, FactFamily):
                update = {"measures": {**family.measures, **measures}}
                families[family_name] = family.model_copy(update=update)
        return Catalogue(families, {**base.metrics, **file.metrics})

    def problems(file: DefinitionsFile) -> Iterator[Problem]:
        facts = [n for n, f in base.families.items() if isinstance(f, FactFamily)]
        taken = {m: n for n, f in base.families.items() for m in f.measures}
        for family_name, measures in file.measures.items():
            if family_name not in facts:
                text = f"not a family of facts; {nearest(family_name, facts)}"
                yield ("measures", family_name), text
            for measure in measures:
                if measure in taken:
                    text = f"exists in {taken[measure]} already; choose another name"
                    yield ("measures", family_name, measure), text
        for metric_id in file.metrics:
            if metric_id in base.metrics:
                text = "the catalogue defines this metric; choose another id, or ask for a variant"
                yield ("metrics", metric_id), text
        yield from merged(file).problems()

    return merged(read_document(name, text, DefinitionsFile, problems))


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue that ships with the product, read once."""
    entry = resources.files("schemas") / "metrics.yaml"
    text = entry.read_text(encoding="utf-8")
    return read_catalogue("schemas/metrics.yaml", text, load_versions())
