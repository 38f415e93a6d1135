"""tinymlaas rollout"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ..errors import UsageError
from .console import data, print_json

if TYPE_CHECKING:
    from ..service.client import Client

app = typer.Typer(
    help="Bring a version to a group of devices in stages. The token: TINYMLAAS_TOKEN.", no_args_is_help=True
)

_Server = Annotated[str, typer.Option("--server", envvar="TINYMLAAS_SERVER", help="URL of the service.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Id = Annotated[int, typer.Argument(metavar="ROLLOUT", min=1)]


@app.command()
def start(
    model: Annotated[str, typer.Argument(metavar="MODEL[:VERSION]", help="The newest version without one.")],
    group: Annotated[str, typer.Option(help="Devices of this group.")],
    stages: Annotated[str, typer.Option(help="Percent of the group, rising.")] = "5,25,100",
    failed_percent: Annotated[
        float | None, typer.Option(min=0, max=100, help="Stop past this share; default 10.")
    ] = None,
    latency_ratio: Annotated[
        float | None, typer.Option(help="Stop when inference takes so many times as long.")
    ] = None,
    errors: Annotated[float | None, typer.Option(min=0, help="Stop past so many errors per device.")] = None,
    approve: Annotated[bool, typer.Option("--needs-approval", help="Wait until somebody approves it.")] = False,
    server: _Server = "",
    as_json: _Json = False,
) -> None:
    """Start a rollout."""
    name, _, version = model.partition(":")
    limits = {"failed_percent": failed_percent, "latency_ratio": latency_ratio, "errors": errors}
    body = {
        "model": name,
        "version": _number(version) if version else None,
        "group": group,
        "stages": [_number(percent) for percent in stages.split(",")],
        "limits": {key: value for key, value in limits.items() if value is not None},
        "needs_approval": approve,
    }
    with _client(server) as client:
        _show(client.post("/rollouts", body), as_json)


@app.command("list")
def list_all(server: _Server = "", as_json: _Json = False) -> None:
    """The latest rollouts."""
    with _client(server) as client:
        found = client.get("/rollouts")["items"]
    if as_json:
        print_json(found)
        return
    table = Table("rollout", "model", "to", "state", "stage", "devices", box=None, pad_edge=False)
    for one in found:
        stage = f"{max(one['stage'], 0) + 1} of {len(one['stages'])}"
        table.add_row(str(one["id"]), f"{one['model']} v{one['version']}", _to(one), one["state"], stage, _counts(one))
    data.print(table)


@app.command()
def show(rollout: _Id, server: _Server = "", as_json: _Json = False) -> None:
    """One rollout: stages, counts, why it stopped, and the devices that failed or refused."""
    with _client(server) as client:
        found = client.get(f"/rollouts/{rollout}")
        bad = [
            part
            for state in ("failed", "rejected")
            for part in client.get(f"/rollouts/{rollout}/actions", state=state, limit=10)["items"]
        ]
    _show({**found, "not_updated": bad} if as_json else found, as_json)
    if not as_json:
        for part in bad:
            _line(f"  {part['device_id']} {part['state']}: {part['reason']}")


@app.command()
def approve(rollout: _Id, server: _Server = "", as_json: _Json = False) -> None:
    """Let a rollout that waits for it run."""
    _post(rollout, "approve", server, as_json)


@app.command()
def pause(rollout: _Id, server: _Server = "", as_json: _Json = False) -> None:
    """Offer it to no further device."""
    _post(rollout, "pause", server, as_json)


@app.command()
def resume(
    rollout: _Id,
    failed_percent: Annotated[float | None, typer.Option(min=0, max=100, help="Another limit than before.")] = None,
    server: _Server = "",
    as_json: _Json = False,
) -> None:
    """Go on after a pause or a stop."""
    limits = {} if failed_percent is None else {"failed_percent": failed_percent}
    _post(rollout, "resume", server, as_json, {"limits": limits})


@app.command()
def rollback(
    rollout: _Id,
    to: Annotated[int | None, typer.Option(metavar="VERSION", help="Default: the newest good one before.")] = None,
    server: _Server = "",
    as_json: _Json = False,
) -> None:
    """Bring the older version's source back, as a new version, to the devices that changed."""
    _post(rollout, "rollback", server, as_json, {"version": to})


def _post(rollout: int, verb: str, server: str, as_json: bool, body: Any = None) -> None:
    with _client(server) as client:
        _show(client.post(f"/rollouts/{rollout}/{verb}", body), as_json)


def _client(server: str) -> Client:
    from ..service.client import DEFAULT_SERVER, Client, token_from

    return Client(server or DEFAULT_SERVER, token_from(None))


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    _line(f"rollout {found['id']}: {found['model']} v{found['version']} to {_to(found)}: {found['state']}")
    for number, stage in enumerate(found["stages"]):
        states = ", ".join(f"{count} {state}" for state, count in sorted(stage["states"].items())) or "to come"
        _line(f"  stage {number + 1}, {stage['percent']} %: {states}")
    if found["reason"]:
        _line(f"  {found['reason']}")


def _to(found: dict[str, Any]) -> str:
    return f"group {found['group']}" if found["group"] else f"device {found['device']}"


def _counts(found: dict[str, Any]) -> str:
    """Such as "40 of 45 confirmed": of those that have their turn."""
    total = sum(count for stage in found["stages"] for count in stage["states"].values())
    return f"{sum(stage['states'].get('confirmed', 0) for stage in found['stages'])} of {total} confirmed"


def _number(text: str) -> int:
    if not text.strip().isdigit():
        raise UsageError(f"'{text}' is no whole number; such as MODEL:7, --stages 5,25,100")
    return int(text)


def _line(text: str) -> None:
    data.print(text, highlight=False, soft_wrap=True, markup=False)
