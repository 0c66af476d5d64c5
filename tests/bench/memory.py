"""A made-up centre that goes on by the clock flows in; how its processes' memory grows flows out.

`goldpan demo` runs as a user would run it, with the wallboard open.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp

from infra import clickhouse
from tests.gateway.support import http_of

BOARD = "goldpan-wallboard-en"
WARM_S = 120.0
"""Caches of the store and of the interpreter fill in the first minutes."""
SAMPLE_S = 5.0


def measure(directory: Path, minutes: float) -> dict[str, float]:
    """Let a demo run for some minutes after its warming up.

    Returns:
        Bytes of resident memory of the pipeline, of HTTP and of the store: the mean of the first
        tenth of the time and of the last, and the most.
    """
    command = [sys.executable, "-m", "pipeline", "demo", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(directory)], stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        try:
            url = next(word for line in demo.stdout for word in line.split() if "http" in word)
            samples = asyncio.run(_watch(url.rstrip("/"), demo.pid, directory, minutes * 60))
        finally:
            demo.send_signal(signal.SIGINT)
            demo.communicate()
    tenth = max(1, len(samples) // 10)
    return {
        f"{process}_{name}": value
        for index, process in enumerate(("pipeline", "http", "store"))
        for name, value in {
            "first": sum(sample[index] for sample in samples[:tenth]) / tenth,
            "last": sum(sample[index] for sample in samples[-tenth:]) / tenth,
            "most": max(sample[index] for sample in samples),
        }.items()
    }


async def _watch(url: str, pid: int, directory: Path, seconds: float) -> list[tuple[float, ...]]:
    """Look at the board, and sample the processes' memory."""
    samples: list[tuple[float, ...]] = []
    begins = time.monotonic() + WARM_S
    timeout = aiohttp.ClientTimeout(total=WARM_S + seconds)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        try:
            async with session.get(f"{url}/viewer/stream/{BOARD}") as answer:
                due = begins
                async for _ in answer.content:
                    if time.monotonic() >= due:
                        due += SAMPLE_S
                        server = clickhouse.status(directory / "clickhouse")
                        assert server is not None
                        pids = pid, http_of(pid), server.pid
                        samples.append(tuple(_resident(process) for process in pids))
        except TimeoutError:
            pass
    return samples


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), float(sys.argv[2]))))
