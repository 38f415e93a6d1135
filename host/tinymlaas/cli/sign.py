"""tinymlaas sign"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..sign import claims, fingerprint, parse_certificate
from ..sign import sign as signed
from .console import data, print_json, read_file, write_file
from .keys import load_key


def sign(
    module: Annotated[Path, typer.Argument(metavar="OUT.tml", help="Inference module, signed or not.")],
    key: Annotated[Path, typer.Option(metavar="KEY", help="Private key that signs.")],
    counter: Annotated[int, typer.Option(metavar="N", help="Release counter, from 1; devices never go back.")],
    certificate: Annotated[
        Path | None, typer.Option(metavar="CERT", help="Of the key, when it is no release key; see `keys certify`.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Signed module; default: in place.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Sign a module, so that devices with release keys run it. An earlier signature is replaced."""
    output = output or module
    vouched = (
        parse_certificate(read_file(certificate).decode("utf-8", "replace"), str(certificate)) if certificate else None
    )
    content = signed(read_file(module), load_key(key), counter, vouched)
    write_file(output, content)
    said = claims(content) or {}
    facts = {"signer": said["signer"].hex(), "epoch": said["epoch"], "counter": said["counter"]}
    if as_json:
        print_json({"module": str(output), "bytes": len(content), **facts})
        return
    by = f"certified for epoch {said['epoch']}" if said["epoch"] else "release key"
    text = f"{output}  {len(content)} B  release {counter}  signed by {fingerprint(said['signer'])} ({by})"
    data.print(text, highlight=False, soft_wrap=True)
