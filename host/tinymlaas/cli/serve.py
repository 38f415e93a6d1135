"""tinymlaas serve"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..errors import TinymlError
from .console import print_json, talk

if TYPE_CHECKING:
    from ..service.serving import Address
    from ..service.settings import Settings


def serve(
    folder: Annotated[
        Path | None,
        typer.Option("--data", help="Folder for database, modules and keys; default: ~/.local/share/tinymlaas."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for other machines too.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 8000,
    database: Annotated[
        str | None, typer.Option(envvar="TINYMLAAS_DATABASE", help="SQLAlchemy URL: postgresql://… instead of SQLite.")
    ] = None,
    store: Annotated[
        str | None, typer.Option(envvar="TINYMLAAS_STORE", help="Folder or s3://bucket/prefix for sources and modules.")
    ] = None,
    tls_certificate: Annotated[Path | None, typer.Option(help="PEM file: serve https.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file: its key.")] = None,
    signer: Annotated[
        str,
        typer.Option(metavar="auto|none", help="auto: a child process signs, keys in DATA/keys. none: sign elsewhere."),
    ] = "auto",
    poll_interval: Annotated[int, typer.Option(min=1, max=86400, help="Seconds between polls of a device.")] = 30,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Compilers at once; 0: compile in other processes.")] = 1,
    new_admin: Annotated[
        bool, typer.Option("--new-admin", help="Make another admin token: for who has lost the first.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object when it listens.")] = False,
) -> None:
    """Run the service: device protocol, operator's API and pages, until Ctrl-C or SIGTERM."""
    _need_libraries()
    from ..service.serving import Address, check_tls
    from ..service.settings import local

    mode: Literal["auto", "none"] = _mode(signer)
    folder = folder or Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "tinymlaas"
    here = local(folder)
    settings = dataclasses.replace(
        here,
        database=database or here.database,
        store=store or here.store,
        poll_interval=poll_interval,
        compile_workers=workers,
    )
    address = Address(host, port, tls_certificate, tls_key)
    check_tls(address)
    _prepare(folder)
    _serve(settings, address, folder / "keys" if mode == "auto" else None, new_admin, as_json)


def _serve(settings: Settings, address: Address, keys: Path | None, new_admin: bool, as_json: bool) -> None:
    from ..service import serving
    from ..service.app import create_app

    bound = serving.listen(address)
    app = create_app(settings)
    url, admin = serving.url_of(address, bound), serving.first_admin(app.state.instance, new_admin)
    if keys:
        serving.make_keys(keys)
        token = serving.trust_keys(app.state.instance, keys)
        app.state.background.append(serving.AutoSigner(url, keys, token, address.certificate).run)

    def ready() -> None:
        if as_json:
            print_json({"url": url, "admin_token": admin})
            sys.stdout.flush()
        else:
            print(f"TinyML as a Service: {url}/", flush=True)
            if admin:
                print(f"admin token, shown this once: {admin}", flush=True)

    serving.run(app, bound, address, ready)
    talk.print("stopped", highlight=False)


def _mode(text: str) -> Literal["auto", "none"]:
    if text not in ("auto", "none"):
        raise typer.BadParameter(f"'{text}' is neither auto nor none", param_hint="--signer")
    return "auto" if text == "auto" else "none"


def _prepare(folder: Path) -> None:
    """What lies there is nobody else's business: tokens' hashes, models, keys."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise TinymlError(f"{folder}: {error.strerror or error}; choose another folder with --data") from error


def _need_libraries() -> None:
    try:
        import alembic  # noqa: F401
        import fastapi  # noqa: F401
        import obstore  # noqa: F401
        import sqlalchemy  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise TinymlError(f"{error.name} is not installed; run: pip install 'tinymlaas[service]'") from error
