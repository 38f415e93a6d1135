"""A board on a serial port through adafruit-ampy: for boards and adapters where mpremote's way is too fast."""

from __future__ import annotations

import contextlib
from typing import Any

from tinymlaas.device.transport import DeviceBase, Progress, check_output, no_progress
from tinymlaas.errors import BoardError

AMPY_ERRORS = (OSError, RuntimeError)


class AmpyDevice(DeviceBase):
    """Same use as SerialDevice; files go up through ampy's own `put`."""

    def __init__(self, port: str, baudrate: int = 115200, delay_s: float = 0.0) -> None:
        """Open `port`; `delay_s` is ampy's wait before the raw REPL, for boards that reset when the port opens."""
        from ampy.files import Files
        from ampy.pyboard import Pyboard, PyboardError

        self.port, self._errors = port, (PyboardError, *AMPY_ERRORS)
        try:
            self._board: Any = Pyboard(port, baudrate=baudrate, rawdelay=delay_s)
            self._files = Files(self._board)
            self._board.enter_raw_repl()
        except self._errors as error:
            raise self._unanswered(error) from error

    def _unanswered(self, error: Exception) -> BoardError:
        return BoardError(f"{self.port}: ampy got no answer from a MicroPython REPL: {error}; try a longer delay")

    def exec(self, code: str, timeout: float = 30.0) -> bytes:
        """See Device.exec; `timeout` counts from the last byte received."""
        try:
            output, error = self._board.exec_raw(code, timeout=timeout)
        except self._errors as problem:
            raise self._unanswered(problem) from problem
        return check_output(output, error)

    def write_file(self, path: str, data: bytes, progress: Progress = no_progress) -> None:
        """See Device.write_file. ampy soft-resets the board at each entry: variables do not outlast a write."""
        try:
            self._files.put(path, data)
            self._board.enter_raw_repl()
        except self._errors as problem:
            raise self._unanswered(problem) from problem
        progress(len(data), len(data))

    def close(self) -> None:
        """Leave the raw REPL and close the port."""
        with contextlib.suppress(*self._errors):
            self._board.exit_raw_repl()
            self._board.close()
