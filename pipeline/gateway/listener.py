"""An address flows in, a socket that listens on it flows out, for `HttpServer` to serve."""

from __future__ import annotations

import socket

from pipeline.errors import ConfigError

_BACKLOG = 1_024


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen.

    Args:
        host: loopback, unless something in front of it does TLS.
        port: 0 for any free one.

    Raises:
        ConfigError: the address cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        msg = (
            f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}; stop "
            "what uses it, or choose another with --port and --host"
        )
        raise ConfigError(msg) from error


def url_of(listener: socket.socket) -> str:
    """Where browsers and clients find it."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
