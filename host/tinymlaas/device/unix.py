"""MicroPython's unix port as a device: a subprocess that runs the code it is sent."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from pathlib import Path

from tinymlaas.device.transport import DeviceBase, check_output
from tinymlaas.errors import BoardError, DeviceError

# The unix port has no raw REPL. This loop speaks the same way: code, EOT -> output, EOT, traceback, EOT.
_AGENT = r"""
import sys
def _agent():
    stdin, scope = sys.stdin.buffer, {"__name__": "__main__"}
    while True:
        head = stdin.readline()
        if not head:
            return
        code, error = stdin.read(int(head)).decode(), None
        try:
            exec(code, scope)
        except BaseException as caught:
            error = caught
        sys.stdout.buffer.write(b"\x04")
        if error is not None:
            sys.print_exception(error, sys.stdout)
        sys.stdout.buffer.write(b"\x04")
_agent()
"""
EOT = b"\x04"


class UnixBoard(DeviceBase):
    """A MicroPython process of the unix port. Its filesystem is the host's, seen from `folder`."""

    def __init__(self, binary: Path, folder: Path | None = None, heap_bytes: int = 16 << 20) -> None:
        """Start `binary` in `folder`, with a heap of `heap_bytes`."""
        self._process = _start(binary, folder, heap_bytes)

    def exec(self, code: str, timeout: float = 30.0) -> bytes:
        """See Device.exec."""
        data = code.encode()
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(f"{len(data)}\n".encode() + data)
            self._process.stdin.flush()
            output, error, _ = self._read_reply(timeout).split(EOT)
        except (OSError, ValueError) as problem:
            raise DeviceError(f"MicroPython (unix) ended while running code: {problem}") from problem
        return check_output(output, error)

    def _read_reply(self, timeout: float) -> bytes:
        assert self._process.stdout is not None
        descriptor, end = self._process.stdout.fileno(), time.monotonic() + timeout
        parts: list[bytes] = []
        while sum(part.count(EOT) for part in parts) < 2:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                self._process.kill()
                raise DeviceError(f"MicroPython (unix): no end of the program after {timeout} s; it was stopped")
            part = os.read(descriptor, 1 << 16)
            if not part:
                raise OSError(f"exit status {self._process.wait()}")
            parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self._process.kill()
        self._process.wait()


def _start(binary: Path, folder: Path | None, heap_bytes: int) -> subprocess.Popen[bytes]:
    command = [str(binary), "-X", f"heapsize={heap_bytes}", "-c", _AGENT]
    try:
        return subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    except OSError as error:
        raise BoardError(
            f"{binary}: cannot be run ({error.strerror}): build it with `make firmware BOARD=UNIX`"
        ) from error
