"""requirements.yaml in; what the field asks of complaint monitoring, and what answers it, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.catalogue import Catalogue
from schemas.documents import Problem, nearest, read_document
from schemas.measures import Name, Strict, Text

State = Literal["now", "partly", "planned", "elsewhere"]
COUNT = 132
"""R1 to R132, the numbers by which tests and pages name them. None is left out or added."""


class Requirement(Strict):
    """One thing that is asked for, and every answer to it."""

    asks: Text
    metrics: tuple[Name, ...] = ()
    """Also those that cannot be computed yet, which then are planned."""
    boards: tuple[Name, ...] = ()
    rules: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    planned: Text | None = None
    """What is to come besides."""
    elsewhere: Text | None = None
    """Why it is not a matter of monitoring."""

    @model_validator(mode="after")
    def _is_answered(self) -> Requirement:
        answers = (self.metrics, self.boards, self.rules, self.commands, self.planned)
        if any(answers) == (self.elsewhere is not None):
            msg = "give metrics, boards, rules, commands or planned; or elsewhere, and nothing else"
            raise ValueError(msg)
        return self

    def state(self, catalogue: Catalogue) -> State:
        """Tell how much of the answer is there."""
        if self.elsewhere is not None:
            return "elsewhere"
        missing = [catalogue.metrics[name].missing is not None for name in self.metrics]
        there = [*(not m for m in missing), *(True for _ in self.boards + self.rules)]
        there += [True for _ in self.commands]
        if not any(there):
            return "planned"
        return "now" if all(there) and self.planned is None else "partly"


class RequirementsFile(Strict):
    """The whole of requirements.yaml."""

    format: Literal[1]
    requirements: dict[Annotated[str, Field(pattern=r"^R[1-9]\d{0,2}$")], Requirement]


Requirements = Mapping[str, Requirement]


def read_requirements(name: str, text: str, catalogue: Catalogue) -> Requirements:
    """Read the map of requirements.

    Raises:
        DocumentError: every problem, with file and line: a number left out, an unknown metric.
    """

    def problems(file: RequirementsFile) -> Iterator[Problem]:
        for number in range(1, COUNT + 1):
            if f"R{number}" not in file.requirements:
                yield ("requirements",), f"R{number} is missing; say what answers it"
        for key, requirement in file.requirements.items():
            if int(key[1:]) > COUNT:
                yield ("requirements", key), f"there are {COUNT} requirements; take it out"
            for i, metric in enumerate(requirement.metrics):
                if metric not in catalogue.metrics:
                    text = f"no metric {metric!r}; {nearest(metric, [*catalogue.metrics])}"
                    yield ("requirements", key, "metrics", i), text

    return read_document(name, text, RequirementsFile, problems).requirements


def load_requirements(catalogue: Catalogue) -> Requirements:
    """Return the map that ships with the product."""
    text = (resources.files("schemas") / "requirements.yaml").read_text(encoding="utf-8")
    return read_requirements("schemas/requirements.yaml", text, catalogue)
