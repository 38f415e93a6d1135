"""tinymlaas gateway"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ..errors import BoardError, UsageError
from ..run.serial import is_serial_port
from .console import talk

if TYPE_CHECKING:
    from ..gateway.events import Event, Tell

TOKEN = "TINYMLAAS_GATEWAY_TOKEN"  # not the operator's, which may be set in the same shell


def gateway(
    port: Annotated[list[str], typer.Option(help="Serial port of a board; repeat it for several.")],
    server: Annotated[
        str, typer.Option(envvar="TINYMLAAS_SERVER", help="URL of the service; default: what each board was told.")
    ] = "",
    trust: Annotated[Path | None, typer.Option(help="The one server certificate to trust (PEM).")] = None,
    health: Annotated[
        float, typer.Option(min=0, metavar="S", help="Seconds between looks after a board; each stops its program.")
    ] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of downloads; default: ~/.cache/tinymlaas/modules.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Do what there is to do now, then end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as a JSON object on a line.")] = False,
) -> None:
    """Speak the device protocol for boards on serial ports. TINYMLAAS_GATEWAY_TOKEN: for those without a token of their own."""
    from ..gateway.cache import Cache, default_folder
    from ..gateway.run import Gateway
    from ..gateway.worker import Settings

    for name in port:
        if not is_serial_port(name):
            raise UsageError(f"--port {name}: name the serial port the board is on, such as /dev/ttyACM0")
    settings = Settings(server, os.environ.get(TOKEN, ""), trust, health)
    made = Gateway(port, settings, Cache(cache or default_folder()), _teller(as_json))
    signal.signal(signal.SIGTERM, _interrupt)
    made.start(once)
    try:
        troubled = made.wait()
    except KeyboardInterrupt:
        talk.print("ending: what is under way is left where it can go on", highlight=False)
        made.end()
        return
    if troubled:
        raise BoardError(f"not all went well on {', '.join(troubled)}")


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _teller(as_json: bool) -> Tell:
    """Events come from several threads; lines must not mix."""
    lock = threading.Lock()

    def tell(event: Event) -> None:
        with lock:
            if as_json:
                print(json.dumps(event.as_json(), ensure_ascii=False), flush=True)
            else:
                _line(event)

    return tell


def _line(event: Event) -> None:
    at = time.strftime("%H:%M:%S", time.localtime(event.at))
    text = f"{at} {event.device or event.port}  {event.kind}: {event.text}"
    talk.print(text, highlight=False, soft_wrap=True, markup=False)
    sys.stderr.flush()
