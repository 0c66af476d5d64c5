"""`goldpan demo`: the past is in and proved, the present goes on, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from infra import clickhouse
from pipeline.log.lock import DirectoryLock
from tests.cli.conftest import Goldpan
from tests.infra.support import wait_for

ROOT = Path(__file__).parents[2]
ACCEPTED = re.compile(r'goldpan_events_received_total{.*result="accepted".*} (\d+)')


def test_the_past_is_reported_and_proved(typed: Goldpan, tmp_path: Path) -> None:
    directory = tmp_path / "示例"
    small = ("--seats", "20", "--hours", "2", "--port", "0", "--data-dir", directory)

    said = typed("demo", "--report", *small)

    assert said.status == 0, said.err
    assert "Service level" in said.out
    assert "服务水平" in said.out
    assert "General enquiries " in said.out
    assert "综合咨询 " in said.out
    assert clickhouse.status(directory / "clickhouse") is None
    assert said.out.splitlines()[-1].startswith("parity holds: ")
    assert re.search(r"^the last 2 hours of a centre of 20 seats: [\d,]+ events", said.err)
    again = typed("demo", *small)
    assert again.status == 1
    assert "--data-dir" in again.err
    assert "has a log already" in again.err


def test_it_goes_on_until_it_is_stopped_and_leaves_nothing(tmp_path: Path) -> None:
    """Nor does it leave what a demonstration left that was killed: the kernel freed its lock."""
    for left in ("goldpan-demo-left", "goldpan-demo-alive"):
        (tmp_path / left).mkdir()
    DirectoryLock(tmp_path / "goldpan-demo-left").release()
    clickhouse.start(tmp_path / "goldpan-demo-left" / "clickhouse")
    alive = DirectoryLock(tmp_path / "goldpan-demo-alive")
    command = [sys.executable, "-m", "pipeline", "demo", "--seats", "100", "--hours", "1"]
    running = subprocess.Popen(
        [*command, "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    try:
        said = iter(running.stdout.readline, "")
        url = next(found[0] for line in said if (found := re.search(r"http://[\d.:]+", line)))
        wait_for(lambda: accepted(url) > 0, timeout_s=120)  # the present comes in over HTTP
    finally:
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)

    assert running.returncode == 0, err
    assert [path.name for path in tmp_path.iterdir()] == ["goldpan-demo-alive"]
    alive.release()
    assert not [line for line in processes() if str(tmp_path) in line]


def accepted(url: str) -> int:
    """Events that the gateway has taken."""
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        return sum(map(int, ACCEPTED.findall(answer.read().decode())))


def processes() -> list[str]:
    """The command line of every process."""
    return [
        path.read_text().replace("\0", " ")
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.exists()
    ]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--seats", "1"), "--seats 1 is not possible; give 2 to 5,000"),
        (("--hours", "0"), "--hours 0 is not possible; give 1 to 744"),
        (("--hour", "24"), "--hour 24 is not possible; give 0 to 23"),
        (("--speed", "1"), "--speed 1 never reaches the present; give more than 1, such as 600"),
    ],
)
def test_what_makes_no_demonstration(
    words: tuple[str, ...], named: str, typed: Goldpan, tmp_path: Path
) -> None:
    said = typed("demo", *words, "--data-dir", tmp_path)
    assert (said.status, said.err) == (1, f"goldpan: {named}\n")
