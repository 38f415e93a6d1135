"""tinymlaas keys"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .. import sign
from ..device.keys import install_keys
from ..device.transport import SerialDevice
from ..errors import UsageError
from ..run.serial import is_serial_port
from .console import data, print_json, progress, read_file, talk, write_file

PASSPHRASE = "TINYML_PASSPHRASE"  # environment variable, for programs; people are asked

app = typer.Typer(help="Make and install the keys that modules are signed with.", no_args_is_help=True)
KeyFile = Annotated[Path, typer.Argument(metavar="KEY", help="File of the private key; KEY.pub is the public one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON object.")]


def load_key(path: Path) -> Ed25519PrivateKey:
    """A private key; its passphrase, if it has one, from the environment or from the person at the terminal."""
    secret = os.environ.get(PASSPHRASE) if sign.is_encrypted(read_file(path)) else None
    if secret is None and sign.is_encrypted(read_file(path)):
        secret = typer.prompt(f"passphrase of {path}", hide_input=True, err=True)
    return sign.load_key(path, secret)


@app.command("new")
def new(
    key: KeyFile,
    passphrase: Annotated[bool, typer.Option("--passphrase", help="Encrypt the private key; asks for it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a key: a private file that only you can read, and a public one beside it."""
    secret = os.environ.get(PASSPHRASE) or _new_passphrase(key) if passphrase else None
    made = sign.new_key()
    sign.save_key(key, made, secret)
    public = sign.public_bytes(made)
    if as_json:
        print_json({"key": str(key), "public": public.hex(), "fingerprint": sign.fingerprint(public)})
        return
    data.print(
        f"{key}  private, keep it offline\n{key}.pub  {sign.fingerprint(public)}", highlight=False, soft_wrap=True
    )


def _new_passphrase(key: Path) -> str:
    secret: str = typer.prompt(f"new passphrase of {key}", hide_input=True, confirmation_prompt=True, err=True)
    return secret


@app.command("show")
def show(
    keys: Annotated[
        list[str], typer.Argument(metavar="KEY...", help="Public keys: .pub files, or 64 hexadecimal digits.")
    ],
    as_json: AsJson = False,
) -> None:
    """Print public keys and their fingerprints."""
    found = [(text, sign.load_public(text)) for text in keys]
    if as_json:
        print_json([{"key": t, "public": k.hex(), "fingerprint": sign.fingerprint(k)} for t, k in found])
        return
    for _, key in found:
        data.print(f"{sign.fingerprint(key)}  {key.hex()}", highlight=False, soft_wrap=True)


@app.command("certify")
def certify(
    signer: Annotated[
        str, typer.Argument(metavar="SIGNER", help="Public key of the signer: a .pub file, or its digits.")
    ],
    release: Annotated[Path, typer.Option(metavar="KEY", help="Private release key that vouches for it.")],
    epoch: Annotated[int, typer.Option(help="From 1; higher than that of the signers it replaces.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.cert", help="Certificate file.")],
    as_json: AsJson = False,
) -> None:
    """Let another key sign modules on behalf of a release key, until its epoch is revoked."""
    made = sign.certify(load_key(release), sign.load_public(signer), epoch)
    write_file(output, sign.certificate_text(made).encode())
    if as_json:
        print_json({"certificate": str(output), "signer": made.signer.hex(), "epoch": epoch})
        return
    data.print(f"{output}  signer {sign.fingerprint(made.signer)}  epoch {epoch}", highlight=False, soft_wrap=True)


@app.command("install")
def install(
    keys: Annotated[
        list[str], typer.Argument(metavar="KEY...", help="Public release keys, 1 to 4: .pub files or digits.")
    ],
    on: Annotated[str, typer.Option(metavar="PORT", help="Serial port of the board, such as /dev/ttyACM0.")],
    epoch: Annotated[int, typer.Option(help="Lowest epoch of signers that the board accepts.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Put public release keys on a board: from then on it runs only modules that they answer for."""
    public = [sign.load_public(text) for text in keys]
    content = sign.device_keys(public, epoch)
    if not is_serial_port(on):
        raise UsageError(f"--on {on}: name the serial port the board is on, such as /dev/ttyACM0")
    with SerialDevice(on) as device, progress(f"keys → {on}") as update:
        result = install_keys(device, content, update)
    for path in result.written:
        talk.print(f"installed {path}", highlight=False)
    if as_json:
        print_json({"board": on, "path": result.path, "keys": result.fingerprints, "epoch": epoch})
        return
    names = ", ".join(result.fingerprints)
    data.print(f"{result.path} on {on}: {names}; lowest epoch {epoch}", highlight=False, soft_wrap=True)
