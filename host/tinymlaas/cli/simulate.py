"""tinymlaas simulate"""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from ..errors import TinymlError
from .console import data, print_json, talk


def simulate(
    devices: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many.")] = 100,
    server: Annotated[str, typer.Option(envvar="TINYMLAAS_SERVER", help="URL of the service.")] = "",
    group: Annotated[str, typer.Option(help="They are enrolled in this group.")] = "simulated",
    rollout: Annotated[
        int | None, typer.Option(metavar="ID", help="Until this rollout has ended; then compare books.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="For so long; default: until Ctrl-C.")] = None,
    interval: Annotated[
        float | None, typer.Option(min=0, help="Seconds between a device's polls; default: as the server says.")
    ] = None,
    fail_percent: Annotated[float, typer.Option(min=0, max=100, help="Share of updates whose self-test fails.")] = 0.0,
    slower: Annotated[float, typer.Option(min=0.01, help="Each version takes so many times as long.")] = 1.0,
    connections: Annotated[int, typer.Option(min=1, max=1000)] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Play a fleet against a service: poll, declare, download by ranges, report. Needs an admin's token in TINYMLAAS_TOKEN."""
    from ..service.client import DEFAULT_SERVER, Client, token_from
    from ..service.simulate import Habits, build, enrol, play
    from ..service.wire import parse_url

    with Client(server or DEFAULT_SERVER, token_from(None)) as client:
        prefix = f"sim-{secrets.token_hex(3)}"  # another run's devices belong to another gateway
        names = [f"{prefix}-{number:06}" for number in range(devices)]
        fleet = build(names, enrol(client, names, group))
        talk.print(f"{devices} devices in group '{group}', Ctrl-C ends them", highlight=False)
        habits = Habits(fail_percent=fail_percent, slower=slower, interval=interval)
        result = play(client, parse_url(client.server), fleet, habits, connections, rollout, seconds)
    if as_json:
        print_json(result)
    else:
        for key, value in result.items():
            data.print(f"{key:14} {value}", highlight=False, soft_wrap=True, markup=False)
    if result["wrong"]:
        raise TinymlError(f"{len(result['wrong'])} differences, the first: {result['wrong'][0]}")
