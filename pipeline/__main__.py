"""The `goldpan` command: words flow in, one command runs; errors flow out as one plain sentence."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pipeline.commands import config, db, dead_letters, ingest, report
from pipeline.errors import GoldpanError

COMMANDS = (ingest, report, dead_letters, config, db)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="goldpan", description="Monitoring for call centres and their complaints."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands)
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
    except GoldpanError as error:
        print(f"goldpan: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("goldpan: stopped; what was read is safe, run the command again", file=sys.stderr)
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
