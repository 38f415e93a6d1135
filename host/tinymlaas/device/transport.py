"""What every driver of a device offers, and the driver for boards on a serial port."""

from __future__ import annotations

import binascii
import contextlib
import io
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Protocol, Self

from mpremote import transport_serial
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from tinymlaas.errors import BoardError, DeviceError

Progress = Callable[[int, int], None]
WRITE_CHUNK_BYTES = 1024  # as base64 in a string literal: about 1.5 KB of device heap
READ_CHUNK_BYTES = 768
SERIAL_TIMEOUT_S = 10.0
PROMPT, PROMPT_TIMEOUT_S = b">>> ", 1.0


_talk: ContextVar[io.StringIO | None] = ContextVar("talk", default=None)


def _heard(*words: Any, **how: Any) -> None:
    """Instead of print in mpremote's transport, which prints what a board said before it raises. Several threads may talk to boards."""
    print(*words, **{**how, "file": _talk.get() or how.get("file")})


transport_serial.print = _heard


def no_progress(done: int, total: int) -> None:
    """Progress callback that ignores (bytes done, bytes in all)."""


class Device(Protocol):
    """A MicroPython that runs code for us. State (imports, variables) lasts from one exec to the next."""

    def exec(self, code: str, timeout: float = 30.0) -> bytes:
        """Run `code`, return what it printed.

        Raises DeviceError with the device's traceback, or when it has not ended after `timeout` seconds.
        """
        ...

    def read_file(self, path: str) -> bytes:
        """The content of a file on the device; DeviceError when there is none."""
        ...

    def write_file(self, path: str, data: bytes, progress: Progress = no_progress) -> None:
        """Write a file on the device, in place of one of that name."""
        ...

    def close(self) -> None:
        """End the connection. The device keeps running."""
        ...


class DeviceBase(ABC):
    """Files and context management over exec(); drivers add exec() and close()."""

    @abstractmethod
    def exec(self, code: str, timeout: float = 30.0) -> bytes:
        """See Device.exec."""

    @abstractmethod
    def close(self) -> None:
        """See Device.close."""

    def read_file(self, path: str) -> bytes:
        """See Device.read_file."""
        self.exec(f"import binascii\n_f = open({path!r}, 'rb')")
        parts = []
        while part := self.exec(f"print(binascii.b2a_base64(_f.read({READ_CHUNK_BYTES})).decode(), end='')").strip():
            parts.append(binascii.a2b_base64(part))
        self.exec("_f.close()\ndel _f")
        return b"".join(parts)

    def write_file(self, path: str, data: bytes, progress: Progress = no_progress) -> None:
        """See Device.write_file."""
        self.exec(f"from binascii import a2b_base64\n_f = open({path!r}, 'wb')")
        for start in range(0, len(data), WRITE_CHUNK_BYTES):
            chunk = data[start : start + WRITE_CHUNK_BYTES]
            self.exec(f"_n = _f.write(a2b_base64({base64_literal(chunk)}))")
            progress(start + len(chunk), len(data))
        self.exec("_f.close()\ndel _f")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def base64_literal(data: bytes) -> str:
    """Python source of a bytes literal that holds `data` in base64."""
    return repr(binascii.b2a_base64(data, newline=False))


def check_output(output: bytes, error: bytes) -> bytes:
    """`output`, unless `error` holds a traceback: then DeviceError."""
    if error.strip():
        raise DeviceError(f"the device raised:\n{error.decode('utf-8', 'replace').strip()}")
    return output


class SerialDevice(DeviceBase):
    """A board on a serial port (or the PTY of an emulated one), through mpremote's own transport."""

    def __init__(self, port: str, baudrate: int = 115200, soft_reset: bool = True) -> None:
        """Open `port` and enter the raw REPL; `soft_reset` first frees the heap. Raises BoardError.

        Without a soft reset, `interrupted` says whether a program was running until now; what it left in memory stays.
        """
        self.port = port
        self._lost = False
        with self._talking():
            self._transport = SerialTransport(port, baudrate=baudrate, timeout=SERIAL_TIMEOUT_S)
            self.interrupted = not soft_reset and not self._at_prompt()
            self._transport.enter_raw_repl(soft_reset=soft_reset)

    def _at_prompt(self) -> bool:
        """Whether the board answers at its prompt, which Ctrl-B shows again, also from a raw REPL that was left open."""
        self._transport.serial.write(b"\x02")
        answer: bytes = self._transport.read_until(1, PROMPT, timeout=PROMPT_TIMEOUT_S)
        return answer.endswith(PROMPT)

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        """Turn what mpremote and pyserial raise, and print, into one BoardError."""
        talk = io.StringIO()
        token = _talk.set(talk)
        try:
            yield
        except (TransportError, OSError, IndexError, struct.error) as error:
            self._lost = True
            said = f" (device sent {talk.getvalue().strip()})" if talk.getvalue().strip() else ""
            raise BoardError(
                f"{self.port}: no answer from a MicroPython REPL: {error}{said}; check the port and the cable, "
                "close other programs that use it, reset the board"
            ) from error
        finally:
            _talk.reset(token)

    def exec(self, code: str, timeout: float = 30.0) -> bytes:
        """See Device.exec; `timeout` counts from the last byte received."""
        with self._talking():
            output, error = self._transport.exec_raw(code, timeout=timeout)
        return check_output(output, error)

    def soft_reset(self) -> None:
        """Start Python anew, as Ctrl-D does; files stay."""
        with self._talking():
            self._transport.enter_raw_repl(soft_reset=True)

    def start_program(self) -> None:
        """Start the board's own program (boot.py, main.py) as after power-up; what ends this connection's use."""
        with self._talking():
            self._transport.exit_raw_repl()
            self._transport.serial.write(b"\x04")
            self._transport.read_until(1, b"soft reboot", timeout=SERIAL_TIMEOUT_S)

    def close(self) -> None:
        """Leave the raw REPL, so that a terminal finds the board at its prompt, and close the port."""
        transport = getattr(self, "_transport", None)
        if transport is None:
            return
        with contextlib.suppress(OSError):
            if not self._lost and transport.in_raw_repl:
                transport.exit_raw_repl()
            transport.close()
