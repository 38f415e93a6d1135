"""tinymlaas push"""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FitError, TinymlError, UsageError
from .console import data, print_json, progress, read_file, talk

if TYPE_CHECKING:
    from ..service.client import Client

_FAILED = ("failed", "rejected", "canceled")


def push(
    source: Annotated[Path, typer.Argument(metavar="MODEL.tflite", help="Fully quantised (int8) model.")],
    server: Annotated[str, typer.Option(envvar="TINYMLAAS_SERVER", help="URL of the service.")] = "",
    name: Annotated[str | None, typer.Option(help="The model's name there; default: the file's.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Text file, one class name per line.")] = None,
    note: Annotated[str, typer.Option(help="What is new in this version.")] = "",
    to: Annotated[str | None, typer.Option(metavar="DEVICE", help="Give it to this device.")] = None,
    group: Annotated[str | None, typer.Option(help="Give it to all devices of this group at once.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="With --to: wait until the device runs it, or has refused it.")
    ] = False,
    trust: Annotated[Path | None, typer.Option(help="The one server certificate to trust (PEM).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Upload a model to a service as a new version, and give it to devices. The token: TINYMLAAS_TOKEN."""
    from ..service.client import DEFAULT_SERVER, Client, token_from

    if to and group:
        raise UsageError("--to and --group: give one of them")
    if wait and not to:
        raise UsageError("--wait goes with --to; see `tinymlaas rollout show` for groups")
    form = {"name": name or _name_of(source), "note": note}
    if labels:
        form["labels"] = read_file(labels).decode(errors="replace")
    with Client(server or DEFAULT_SERVER, token_from(None), trust) as client:
        if to:
            client.get(f"/devices/{to}")  # a mistyped name is found before a version is made
        result = _upload(client, source, form)
        talk.print(f"{result['model']} v{result['version']} is in the catalogue", highlight=False)
        if to or group:
            path, more = (f"/devices/{to}/assign", {}) if to else ("/rollouts", {"group": group})
            result["rollout"] = client.post(path, {**result, **more})
        if to and wait:
            result["action"] = _follow(client, to, result["rollout"]["id"])
    if as_json:
        print_json(result)
    else:
        data.print(_summary(result, to or f"group {group}"), highlight=False, soft_wrap=True, markup=False)


def _name_of(source: Path) -> str:
    """A name as the service wants it, from a file's."""
    return re.sub(r"[^a-z0-9_.-]+", "-", source.stem.lower()).strip("-._")[:64] or "model"


def _upload(client: Client, source: Path, form: dict[str, str]) -> dict[str, Any]:
    from ..service.client import Counted

    content = read_file(source)
    with progress(f"{source.name} → {client.server}") as update:
        file: Any = Counted(io.BytesIO(content), len(content), update)
        answer: dict[str, Any] = client.upload("/models", file, source.name, form)
    return answer


def _follow(client: Client, device: str, rollout: int) -> dict[str, Any]:
    """Until the device's part has ended; FitError or TinymlError with the reason when it did not end well."""
    last = ""
    while True:
        parts = client.get(f"/rollouts/{rollout}/actions")["items"]
        part: dict[str, Any] = parts[0] if parts else {"state": "waiting", "open": True}
        if part["state"] != last:
            last = part["state"]
            talk.print(f"{device}: {last}", highlight=False, markup=False)
        if last in _FAILED:
            kind = FitError if last == "rejected" else TinymlError
            raise kind(f"{device}: {last}: {part['reason']}")
        if not part["open"]:
            return part
        time.sleep(0.5)


def _summary(result: dict[str, Any], to: str) -> str:
    text = f"{result['model']} v{result['version']}"
    if "rollout" not in result:
        return text
    state = result["action"]["state"] if "action" in result else "on its way"
    return f"{text} → {to}: {state} (rollout {result['rollout']['id']})"
