"""Why a request is not taken, in one form for programs and people: see `app` for the answer."""

from __future__ import annotations

from pathlib import Path


class Refusal(Exception):
    """A request is not taken: raised anywhere below a handler, answered in one place.

    Attributes:
        status: HTTP's.
        code: one word for programs.
        message: what is wrong, and what to do.
        retry_s: when to come back, where that helps.
        close: whether the connection is not worth keeping, for example with a body half read.
    """

    def __init__(
        self, status: int, code: str, message: str, *, retry_s: float = 0, close: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_s = retry_s
        self.close = close


def place_of(error: BaseException) -> str:
    """Kind and place of an error of ours; its words would quote what came in."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    name = Path(place.tb_frame.f_code.co_filename).name if place else "?"
    return f"{type(error).__name__} at {name}:{place.tb_lineno if place else 0}"
