"""The `goldpan` command: words flow in, one command runs; errors flow out as one plain sentence."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from pipeline.commands import config, db, dead_letters, demo, ingest, parity, rebuild, report
from pipeline.errors import GoldpanError

COMMANDS = (demo, ingest, report, parity, dead_letters, config, db, rebuild)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="goldpan", description="Monitoring for call centres and their complaints."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands)
    options = parser.parse_args(arguments)
    before = [(number, signal.signal(number, _stop)) for number in _STOPS]
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except GoldpanError as error:
        print(f"goldpan: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever reads our output has enough of it, as `head` does: that is no error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt as stopped:
        print("goldpan: stopped; what was read is safe, run the command again", file=sys.stderr)
        return 128 + int(*stopped.args)
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    return status


_STOPS = (signal.SIGINT, signal.SIGTERM)


def _stop(number: int, frame: FrameType | None) -> None:
    """Leave through every `with` and `finally`; a second signal meets the same way out."""
    del frame
    raise KeyboardInterrupt(number)


if __name__ == "__main__":
    sys.exit(main())
