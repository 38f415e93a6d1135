"""tinymlaas enrol"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..device.identity import CONFIG_PATH, Identity, write_identity
from ..device.install import KEYS_PATH, VERIFIER, install
from ..device.keys import install_keys
from ..device.transport import SerialDevice
from ..errors import ServiceError, TinymlError, UsageError
from ..run.serial import is_serial_port
from ..sign import device_keys
from .console import data, print_json, progress, talk

if TYPE_CHECKING:
    from ..service.client import Client


def enrol(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="Its id at the service: letters, digits, _ . -")],
    on: Annotated[str | None, typer.Option(metavar="PORT", help="The board's serial port.")] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder instead: the root of a device of the unix port.")
    ] = None,
    server: Annotated[str, typer.Option(envvar="TINYMLAAS_SERVER", help="URL of the service.")] = "",
    reach: Annotated[
        str | None, typer.Option(metavar="URL", help="The service as the device reaches it; default: --server.")
    ] = None,
    model: Annotated[str, typer.Option(help="The model it runs; default: whatever it is given.")] = "",
    name: Annotated[str, typer.Option(help="A name for people.")] = "",
    group: Annotated[list[str] | None, typer.Option(help="Of this group; may be repeated.")] = None,
    gateway: Annotated[
        str | None, typer.Option(metavar="NAME", help="Behind this gateway token: the device gets none of its own.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="It is enrolled already: give it a new token; the old one ends.")
    ] = False,
    keys: Annotated[bool, typer.Option(help="Give it the service's release keys.")] = True,
    trust: Annotated[Path | None, typer.Option(help="The one server certificate to trust (PEM).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Give a device its identity: make it known at a service, and write address, token and release keys onto it."""
    from ..service.client import DEFAULT_SERVER, Client, token_from

    _check_place(on, to)
    with Client(server or DEFAULT_SERVER, token_from(None), trust) as client:
        content = _keys(client) if keys else None
        if on is not None:
            with SerialDevice(on) as board:  # a mistyped port is found before a device is made
                token = _token(client, device, name, group or [], gateway, again)
                written = _onto(board, Identity(reach or client.server, device, token, model), content)
        else:
            token = _token(client, device, name, group or [], gateway, again)
            written = _into(to or Path(), Identity(reach or client.server, device, token, model), content)
    place = on or str(to)
    if as_json:
        print_json({"device": device, "on": place, "server": reach or client.server, "written": written})
    else:
        data.print(f"{device} is enrolled: {', '.join(written)} on {place}", highlight=False, soft_wrap=True)


def _check_place(on: str | None, to: Path | None) -> None:
    if (on is None) == (to is None):
        raise UsageError("say where the device is: --on PORT or --to DIR")
    if on is not None and not is_serial_port(on):
        raise UsageError(f"--on {on}: name the serial port the board is on, such as /dev/ttyACM0")
    if to is not None and not to.is_dir():
        raise UsageError(f"--to {to}: there is no such folder")


def _keys(client: Client) -> str | None:
    """What goes into a device's file of release keys; None when the service has none."""
    found = client.get("/keys")
    if not found:
        return None
    return device_keys([bytes.fromhex(key["public_key"]) for key in found[:4]], max(_epochs(found)))


def _epochs(found: list[dict[str, Any]]) -> list[int]:
    """A device holds one lowest epoch for all keys."""
    return [max(1, int(key["lowest_epoch"])) for key in found]


def _token(client: Client, device: str, name: str, groups: list[str], gateway: str | None, again: bool) -> str:
    """The device's token, "" behind a gateway."""
    body = {"id": device, "name": name, "groups": groups, "gateway": gateway}
    if again:
        return str(client.post(f"/devices/{device}/token")["token"])
    try:
        return client.post("/devices", body)["token"] or ""
    except ServiceError as error:
        if error.status != 409:
            raise
        raise ServiceError(409, error.reason, "to give this one a new token: --again") from error


def _onto(board: SerialDevice, identity: Identity, keys: str | None) -> list[str]:
    with progress(f"{identity.device} → {board.port}") as update:
        written = install(board, update, parts=[VERIFIER] if keys else [], packages=["tinyml.capabilities"])
        if keys:
            install_keys(board, keys, update)
    for path in written:
        talk.print(f"installed {path}", highlight=False)
    write_identity(board, identity)
    board.start_program()
    return [CONFIG_PATH, *([KEYS_PATH] if keys else [])]


def _into(folder: Path, identity: Identity, keys: str | None) -> list[str]:
    files = {CONFIG_PATH: identity.as_json(), **({KEYS_PATH: keys} if keys else {})}
    for path, content in files.items():
        _write_secret(folder / path.lstrip("/"), content)
    return list(files)


def _write_secret(path: Path, content: str) -> None:
    """For its owner's eyes only, whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
        part.replace(path)
    except OSError as error:
        raise TinymlError(f"{path}: {error.strerror or error}") from error
