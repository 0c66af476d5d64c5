"""Which TCP port a server of ours listens on when any will do.

Not port 0: the kernel would choose among those that it also lends to outgoing connections, so that
while a killed server is down, somebody's client may hold its port and it cannot come back to the
address it is known by.
"""

from __future__ import annotations

import random

ANY = range(20_000, 30_000)
"""Below the ports of outgoing connections: 32768 to 60999 on Linux (ip-sysctl, port range), from
49152 elsewhere (RFC 6335, section 6)."""


def any_port() -> int:
    """One that is likely to be free; to be tried anew when it is not."""
    return random.choice(ANY)
