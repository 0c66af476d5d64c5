"""`goldpan run` as a process of its own, and a client that speaks to it."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline.gateway.front import MODULE
from tests.infra.support import wait_for

ROOT = Path(__file__).resolve().parents[2]
JSON = "application/json"
LINES = "application/x-ndjson"
_ADDRESS = re.compile(r"http://[\d.]+:\d+")


@dataclass(frozen=True)
class Answer:
    """What the gateway said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The word that names a refusal."""
        return str(self.json["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"])


class Address:
    """Where a gateway listens, and its data directory."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url = url
        self.directory = directory
        self.host, self.port = str(urlsplit(url).hostname), int(urlsplit(url).port or 0)

    @property
    def token(self) -> str:
        """The first key."""
        return (self.directory / "first.key").read_text().strip()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        **headers: str,
    ) -> Answer:
        """One request; header names are written with _ for -."""
        link = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            link.request(method, path, body, named)
            response = link.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            link.close()

    def post(
        self, body: bytes, content_type: str = JSON, token: str | None = None, **headers: str
    ) -> Answer:
        """Send events."""
        headers = {
            "Authorization": f"Bearer {token or self.token}",
            "Content_Type": content_type,
            **headers,
        }
        return self.ask("POST", "/v1/events", body, **headers)

    def send(self, *events: dict[str, Any]) -> Answer:
        """Send events, one a line."""
        return self.post(b"\n".join(json.dumps(event).encode() for event in events), LINES)


class Gateway(Address):
    """A running `goldpan run` on a directory; what it says goes to files beside that."""

    def __init__(self, directory: Path, *words: str | Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._out, self._err = directory.parent / "out", directory.parent / "err"
        command = [sys.executable, "-m", "pipeline", "run", "--port", "0"]
        command += ["--data-dir", str(directory), *map(str, words)]
        with self._out.open("wb") as out, self._err.open("ab") as err:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=ROOT
            )
        wait_for(lambda: self.process.poll() is not None or self.hello.endswith("\n"), 60)
        address = _ADDRESS.search(self.hello)
        assert address is not None, self.said
        super().__init__(address[0], directory)

    @property
    def hello(self) -> str:
        """What it said on its output."""
        return self._out.read_text()

    @property
    def said(self) -> str:
        """What it said on its error stream, in all its lives."""
        return self._err.read_text()

    @property
    def http_pid(self) -> int:
        """The process that it has HTTP in; waits until there is one."""
        return http_of(self.process.pid)

    def stop(self) -> int:
        """End it cleanly; returns its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def http_of(pid: int) -> int:
    """The HTTP process of a running `goldpan run`; waits until there is one."""
    found: list[int] = []

    def there_is_one() -> bool:
        for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in tasks.read_text().split():
                words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                if MODULE.encode() in words:
                    found.append(int(child))
        return bool(found)

    wait_for(there_is_one, 30)
    return found[0]


def queued(number: int | str, **fields: object) -> dict[str, Any]:
    """A contact that enters a queue now."""
    return {
        "event_id": f"q{number}",
        "event_type": "call.queued",
        "site": "example",
        "source": "pbx",
        "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "contact_id": f"c{number}",
        "queue": "general",
        **fields,
    }
