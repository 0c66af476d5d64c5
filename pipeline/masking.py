"""Text as it came flows in; text that may be shown to a person flows out.

Dead letters and error messages quote what a source sent, and what it sent may hold a caller's
number. So nothing of it is shown before phone, ID and card numbers and e-mail addresses are gone.
"""

from __future__ import annotations

import re
from typing import Final

SHOWN_BYTES: Final = 4096
_CUT_TAIL: Final = re.compile(r"[\w.+@\-]{1,64}\Z")
_SENSITIVE: Final = re.compile(
    # A time is not a phone number; matched first so that it stays readable.
    r"(?P<time>\b\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?![\d-]))"
    r"|(?P<email>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8})"
    # Seven digits or more, written in one run or in groups; a Chinese ID ends in X.
    r"|(?P<number>\d(?:[ .\-()]{0,3}\d){6,}[Xx]?)"
)
_CONTROLS: Final = {code: 0x2400 + code for code in range(32)} | {
    code: 0xFFFD for code in (*range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F))
}
"""Controls become visible pictures: raw, they could rewrite the terminal that shows them."""


def mask_text(text: str) -> str:
    """Replace numbers of seven or more digits and e-mail addresses by what they were.

    >>> mask_text("call +86 138-1234-5678 or mail wang@example.com by 2026-03-01")
    'call +<13 digits> or mail <e-mail> by 2026-03-01'
    """
    return _SENSITIVE.sub(_mask_match, text)


def _mask_match(match: re.Match[str]) -> str:
    if match["time"]:
        return match["time"]
    if match["email"]:
        return "<e-mail>"
    return f"<{sum(character.isdigit() for character in match['number'])} digits>"


def masked(payload: bytes) -> str:
    """Show a payload to a person: masked, printable, at most 4 KiB of it and its whole length."""
    text = payload[:SHOWN_BYTES].decode("utf-8", errors="replace")
    cut = len(payload) > SHOWN_BYTES
    if cut:
        # Half a phone number at the cut would be too short to be recognised as one.
        text = _CUT_TAIL.sub("", text)
    shown = mask_text(text).translate(_CONTROLS)
    return f"{shown}… ({len(payload):,} bytes in all)" if cut else shown


def quoted(value: object) -> str:
    """Show one value inside a sentence: masked and at most 60 characters."""
    text = repr(value) if isinstance(value, str) else str(value)
    text = mask_text(text[:500]).translate(_CONTROLS)
    return text if len(text) <= 60 else text[:57] + "..."
