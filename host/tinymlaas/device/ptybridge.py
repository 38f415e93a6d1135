"""A PTY in front of a local stream socket, so that programs which want a serial port reach an emulator."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import tty
from collections.abc import Iterator

CHUNK_BYTES = 4096


def _forward(master: int, connection: socket.socket, stop: int) -> None:
    """Carry bytes both ways until `stop` becomes readable or a side closes."""
    while True:
        ready, _, _ = select.select([master, connection.fileno(), stop], [], [])
        if stop in ready:
            return
        try:
            if master in ready:
                connection.sendall(os.read(master, CHUNK_BYTES))
            if connection.fileno() in ready:
                data = connection.recv(CHUNK_BYTES)
                if not data:
                    return
                os.write(master, data)
        except OSError:
            return


@contextlib.contextmanager
def bridge(path: str) -> Iterator[str]:
    """Connect to the Unix socket at `path` and yield the name of a raw PTY joined to it."""
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(socket.socket(socket.AF_UNIX))
        connection.connect(path)
        master, slave = os.openpty()  # the slave stays open, so the PTY outlives each program that uses it
        stop_read, stop_write = os.pipe()
        for descriptor in (master, slave, stop_read, stop_write):
            stack.callback(os.close, descriptor)
        tty.setraw(slave)
        worker = threading.Thread(target=_forward, args=(master, connection, stop_read), daemon=True)
        worker.start()
        try:
            yield os.ttyname(slave)
        finally:
            os.write(stop_write, b"x")
            worker.join()
