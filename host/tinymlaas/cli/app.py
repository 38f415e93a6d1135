"""The table of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from . import (
    boards,
    convert,
    deploy,
    enrol,
    fit,
    gateway,
    inspect,
    keys,
    profile,
    push,
    quantize,
    rollout,
    run,
    serve,
    sign,
    signer,
    simulate,
)

app = typer.Typer(
    help="From a trained int8 network to inference on a MicroPython board.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command("convert")(convert.convert)
app.command("quantize")(quantize.quantize)
app.command("inspect")(inspect.inspect)
app.command("fit")(fit.fit)
app.command("boards")(boards.boards)
app.command("deploy")(deploy.deploy)
app.command("run")(run.run)
app.command("profile")(profile.profile)
app.command("serve")(serve.serve)
app.command("push")(push.push)
app.command("signer")(signer.signer)
app.command("enrol")(enrol.enrol)
app.command("gateway")(gateway.gateway)
app.command("simulate")(simulate.simulate)
app.add_typer(rollout.app, name="rollout")
app.add_typer(keys.app, name="keys")
app.command("sign")(sign.sign)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tinymlaas {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
