"""The two ports of a cloud."""

from __future__ import annotations

import socket

from local.config import HOST


def answers(port: int) -> bool:
    """Whether something on this machine accepts connections on `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def why_unusable(port: int) -> str | None:
    """Why a server could not listen on `port`, or None when it could."""
    with socket.socket() as probe:
        # As servers do, so that connections that linger after an earlier one do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
    return None
