"""An event as its source has it flows in; what may be kept of it flows out, before the log.

Only fields that the contract knows are kept, so a name or an address that a source sends along goes
no further. `phone` and `account` become keyed hashes; free text is masked; and a phone number, bank
card, ID number or e-mail address inside any other text becomes a keyed hash too, so that an id made
of one stays the same id.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from pydantic.fields import FieldInfo

from pipeline.masking import mask_text
from schemas.events import EVENT_TYPES

RAW_FIELDS: Final = {"phone": "phone_hash", "account": "account_hash"}
"""What a source may send in the open, and the field that its hash is kept in."""

_FREE_TEXT_LENGTH: Final = 1_000
"""A contract's text field that may be longer holds sentences, and is masked like them."""
_SET_BY_US: Final = frozenset({"subject"})
_SUSPICIOUS: Final = re.compile(r"\d{11}|\+\d[\d \-]{7}|@|\d[ \-]\d{4}[ \-]?\d")
"""Whatever `_PERSONAL` finds has this in it: most texts need no second look."""
_PERSONAL: Final = re.compile(
    r"(?P<email>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})"
    r"|(?P<plus>\+\d{1,3}(?:[ \-]?\d){7,12}(?!\d))"
    r"|(?<!\d)(?P<identity>[1-9]\d{5}(?:18|19|20)\d{9}[\dXx])(?!\d)"
    r"|(?<!\d)(?P<card>[2-6]\d{3}(?:[ \-]?\d{4}){2}(?:[ \-]?\d{1,7}))(?!\d)"
    r"|(?<!\d)(?P<mobile>(?:(?:00)?86[ \-]?)?1[3-9]\d[ \-]?\d{4}[ \-]?\d{4})(?!\d)"
)
_NO_DIGIT: Final = re.compile(r"\D+")
_ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS: Final = "10X98765432"
_LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")
"""A hash is written without digits, so that nothing takes a part of it for a phone number."""


class Privacy:
    """What is done to every event at the edge, with the deployment's own key.

    Args:
        key: secret; the same for the life of the data, or nobody is recognised again.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def cleansed(self, event: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """What may be kept of an event, and the names of the fields that were dropped.

        Any mapping gets an answer; an event that is kept whole comes back equal.
        """
        event_type = event.get("event_type")
        known = _fields(event_type if isinstance(event_type, str) else "")
        kept: dict[str, Any] = {}
        dropped: list[str] = []
        for name, value in event.items():
            kind = known.get(name)
            if kind is None:
                if name not in RAW_FIELDS:
                    dropped.append(name)
            elif kind == "text":
                kept[name] = self._masked(value)
            elif isinstance(value, str) and not _SUSPICIOUS.search(value):
                kept[name] = value
            else:
                kept[name] = self._pseudonymous(value)
        for raw, hashed in RAW_FIELDS.items():
            if raw in event:
                found = self.hash_of(raw, event[raw])
                if found:
                    kept[hashed] = found
        return kept, dropped

    def hash_of(self, raw: str, value: object) -> str:
        """The keyed hash of a phone number or account name; "" if there is nothing to hash.

        Different ways to write one number give one hash: HMAC-SHA-256, its first 128 bits.
        """
        if not isinstance(value, str | int) or isinstance(value, bool):
            return ""
        plain = normal_phone(str(value)) if raw == "phone" else normal_account(str(value))
        return self._hash(raw, plain) if plain else ""

    def hardened(self, value: Any) -> Any:
        """A dead letter's content: what is no event may have a number anywhere, as a number too.

        A long number becomes a round one of the same length, so that what is wrong with it stays.
        """
        match value:
            case str():
                return self._masked(self._pseudonymous(value))
            case int() | float() if not isinstance(value, bool) and abs(value) >= 1e7:
                return type(value)(10 ** (len(str(int(abs(value)))) - 1) * (-1 if value < 0 else 1))
            case dict():
                return {name: self.hardened(item) for name, item in value.items()}
            case list():
                return [self.hardened(item) for item in value]
        return value

    def _masked(self, value: Any) -> Any:
        match value:
            case str():
                return mask_text(value)
            case dict() | list():
                return self.hardened(value)
        return value

    def _pseudonymous(self, value: Any) -> Any:
        match value:
            case str():
                return self._replaced(value) if _SUSPICIOUS.search(value) else value
            case dict():
                return {
                    self._pseudonymous(name): self._pseudonymous(item)
                    for name, item in value.items()
                }
            case list():
                return [self._pseudonymous(item) for item in value]
        return value

    def _replaced(self, text: str) -> str:
        return _PERSONAL.sub(self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        found = match[0]
        kind = match.lastgroup or ""
        if kind == "card" and not is_card(found):
            return found
        if kind == "identity" and not (is_identity(found) or is_card(found)):
            return found
        if kind in {"plus", "mobile"}:
            return self._hash("phone", normal_phone(found))
        return self._hash(kind, normal_account(found))

    def _hash(self, kind: str, plain: str) -> str:
        mac = hmac.digest(self._key, f"{kind}:{plain}".encode("utf-8", "replace"), "sha256")
        return "h" + mac[:16].hex().translate(_LETTERS)


def normal_phone(text: str) -> str:
    """One way to write a phone number: digits, with + where it is international.

    >>> [normal_phone(t) for t in ("+86 138-1234-5678", "013812345678", "１３８１２３４５６７８")]
    ['13812345678', '013812345678', '13812345678']
    >>> normal_phone("anonymous")
    ''
    """
    text = unicodedata.normalize("NFKC", text).strip()
    digits = _NO_DIGIT.sub("", text)
    if not digits.isascii():
        digits = "".join(str(unicodedata.decimal(c)) for c in digits)
    if len(digits) < 3:
        return ""
    abroad = text.startswith("+") or digits.startswith("00")
    digits = digits.removeprefix("00") if digits.startswith("00") else digits
    if digits.startswith("861") and len(digits) == 13:
        return digits[2:]
    return f"+{digits}" if abroad else digits


def normal_account(text: str) -> str:
    """One way to write an account: without spaces around it and without regard to case.

    >>> normal_account(" Wang@Example.com")
    'wang@example.com'
    """
    return unicodedata.normalize("NFKC", text).strip().casefold()


def is_card(text: str) -> bool:
    """Whether digits are those of a bank card: 13 to 19 of them, with Luhn's check digit.

    Source: ISO/IEC 7812-1, annex B.

    >>> is_card("4111 1111 1111 1111"), is_card("4111111111111112")
    (True, False)
    """
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19:
        return False
    doubled = [d if i % 2 == 0 else 2 * d - 9 * (d > 4) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def is_identity(text: str) -> bool:
    """Whether 18 characters are a Chinese ID number: its last one checks the others.

    Source: GB 11643-1999 (ISO 7064 MOD 11-2).

    >>> is_identity("11010519491231002X"), is_identity("110105194912310021")
    (True, False)
    """
    weighted = sum(w * int(c) for w, c in zip(_ID_WEIGHTS, text[:17], strict=True))
    return _ID_CHECKS[weighted % 11] == text[17].upper()


@lru_cache(maxsize=256)
def _fields(event_type: str) -> Mapping[str, str]:
    """The kind of each field: of the type's contract, or of all if the type is unknown."""
    model = EVENT_TYPES.get(event_type)
    kinds: dict[str, str] = {}
    for contract in (model,) if model is not None else EVENT_TYPES.values():
        for name, field in contract.model_fields.items():
            kinds[field.alias or name] = _kind(field)
    return {name: kind for name, kind in kinds.items() if name not in _SET_BY_US}


def _kind(field: FieldInfo) -> str:
    lengths = [getattr(item, "max_length", 0) or 0 for item in field.metadata]
    annotation = str(field.annotation)
    long = max(lengths, default=0) > _FREE_TEXT_LENGTH
    return "text" if long or re.search(r"max_length=\d{4,}", annotation) else "plain"
