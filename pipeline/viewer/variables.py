"""A board's text and the values of its variables in, the text with the values in it out.

As Grafana does it: first `$__conditionalAll`, then `$name`, `${name}` and `${name:format}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

Values = Mapping[str, tuple[str, ...]]
"""The chosen values of each variable: none, one, or several."""

ALL = "$__all"
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(?!__)(\w+)")
_CONDITIONAL = "$__conditionalAll("


class UnknownFormatError(ValueError):
    """A board writes a variable in a form that is not supported here."""


def interpolate(text: str, values: Values) -> str:
    """Put the values in; what is no variable stays as it is.

    Raises:
        UnknownFormatError: `${name:format}` with a format that is not supported.

    >>> interpolate("queue IN (${queue:singlequote})", {"queue": ("a", "b")})
    "queue IN ('a','b')"
    """

    def put(found: re.Match[str]) -> str:
        name, form = found[1] or found[3], found[2] or ""
        if name not in values:
            return found[0]
        if form not in _FORMATS:
            msg = f"{found[0]}: no format {form!r}; supported: {', '.join(filter(None, _FORMATS))}"
            raise UnknownFormatError(msg)
        return _FORMATS[form](name, values[name])

    return _VARIABLE.sub(put, _conditional(text, values))


def _conditional(text: str, values: Values) -> str:
    """Replace `$__conditionalAll(condition, $name)` by 1=1 where all are meant."""
    at = text.find(_CONDITIONAL)
    while at >= 0:
        begin = at + len(_CONDITIONAL)
        depth, end = 1, begin
        while depth and end < len(text):
            depth += (text[end] == "(") - (text[end] == ")")
            end += 1
        condition, _, variable = text[begin : end - 1].rpartition(",")
        chosen = values.get(variable.strip().strip("${}"), ())
        means_all = not chosen or chosen in {("",), (ALL,)}
        text = text[:at] + ("1=1" if means_all else condition.strip()) + text[end:]
        at = text.find(_CONDITIONAL, at)
    return text


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


_FORMATS: Mapping[str, Callable[[str, tuple[str, ...]], str]] = {
    "": lambda name, chosen: (
        chosen[0] if len(chosen) == 1 else ",".join(f"'{value}'" for value in chosen)
    ),
    "raw": lambda name, chosen: ",".join(chosen),
    "singlequote": lambda name, chosen: ",".join(map(_quoted, chosen)) or "''",
    "queryparam": lambda name, chosen: "&".join(
        f"var-{name}={quote(value, safe='')}" for value in chosen
    ),
    "percentencode": lambda name, chosen: quote(",".join(chosen), safe=""),
}
