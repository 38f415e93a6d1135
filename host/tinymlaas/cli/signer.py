"""tinymlaas signer"""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import TinymlError
from .console import read_file, talk

if TYPE_CHECKING:
    from ..service.signer import Outcome, Signer

WITH_PARENT = "TINYMLAAS_WITH_PARENT"  # "1": a child of `serve`, which ends when standard input does
POLL_S = 1.0
MOST_WAIT_S = 30.0


def signer(
    key: Annotated[Path, typer.Option(help="Private key: an online key, or a release key.")],
    server: Annotated[str, typer.Option(envvar="TINYMLAAS_SERVER", help="URL of the service.")] = "",
    token: Annotated[
        str | None, typer.Option(help="A signer's token; better in TINYMLAAS_TOKEN, where `ps` does not show it.")
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="Of an online key: made by `keys certify`.")] = None,
    trust: Annotated[Path | None, typer.Option(help="The one server certificate to trust (PEM).")] = None,
    once: Annotated[bool, typer.Option("--once", help="Sign what waits now, then end.")] = False,
) -> None:
    """Sign the modules that wait at a server, after compiling each again here and comparing."""
    from ..service.client import DEFAULT_SERVER, Client, token_from
    from ..service.signer import Signer
    from ..sign import is_encrypted, load_key, parse_certificate

    passphrase = typer.prompt("passphrase", hide_input=True, err=True) if is_encrypted(read_file(key)) else None
    private = load_key(key, passphrase)
    known = (
        parse_certificate(read_file(certificate).decode(errors="replace"), str(certificate)) if certificate else None
    )
    with Client(server or DEFAULT_SERVER, token_from(token), trust) as client:
        if once:
            _once(Signer(client, private, known))
        else:
            _forever(Signer(client, private, known), os.environ.get(WITH_PARENT) == "1")


def _once(signer: Signer) -> None:
    from ..service.signer import sign_waiting

    refused: list[str] = []

    def told(outcome: Outcome) -> None:
        _say(outcome)
        if outcome.error:
            refused.append(outcome.what)

    while sign_waiting(signer, told):  # the server tells of 200 at once
        pass
    if refused:
        raise TinymlError(f"{len(refused)} not signed: {', '.join(refused[:5])}")


def _forever(signer: Signer, with_parent: bool) -> None:
    """A server that is away is looked for ever more seldom, up to every 30 s."""
    from ..service.signer import sign_waiting

    skip: set[tuple[int, str]] = set()
    wait = POLL_S
    while not (with_parent and _parent_is_gone()):
        try:
            sign_waiting(signer, _say, skip)
            wait = POLL_S
        except TinymlError as error:
            wait = min(2 * wait, MOST_WAIT_S)
            talk.print(f"signer: {error}", highlight=False, soft_wrap=True, markup=False)
        time.sleep(wait)


def _parent_is_gone() -> bool:
    """Its end of the pipe is closed."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def _say(outcome: Outcome) -> None:
    text = f"signer: {outcome.what}: {'NOT signed: ' + outcome.error if outcome.error else 'signed'}"
    talk.print(text, highlight=False, soft_wrap=True, markup=False)
