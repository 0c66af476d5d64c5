"""Why a request is not taken flows in, one answer for programs and people flows out."""

from __future__ import annotations

import math

from aiohttp import web


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

    def response(self) -> web.Response:
        """The answer."""
        headers = {}
        if self.retry_s:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_s)))
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="goldpan"'
        answer = web.json_response(
            {"error": {"code": self.code, "message": self.message}},
            status=self.status,
            headers=headers,
        )
        if self.close:
            answer.force_close()
        return answer
