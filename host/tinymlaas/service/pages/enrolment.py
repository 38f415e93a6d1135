"""A device comes and goes: enrolled by a form, whose answer shows once what has to be put onto it; forgotten by another."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse

from ...device.identity import CONFIG_PATH, Identity
from ..api import devices as devices_api
from ..api.deps import DEVICE, GROUP, LINE, Here
from .render import page
from .session import Operating

router = APIRouter(prefix="/devices", include_in_schema=False)
_Name = Annotated[str, Form(pattern=LINE, max_length=128)]
_OrNone = rf"^$|{GROUP}"


@router.post("")
def enrol(
    request: Request,
    here: Here,
    who: Operating,
    device: Annotated[str, Form(pattern=DEVICE)],
    name: _Name = "",
    group: Annotated[str, Form(pattern=_OrNone)] = "",
    gateway: Annotated[str, Form(pattern=_OrNone)] = "",
) -> Response:
    """Makes a device known; its token is on this answer and nowhere else."""
    newcomer = devices_api.NewDevice(id=device, name=name, groups=[group] if group else [], gateway=gateway or None)
    secret = devices_api.enrol(here, who.holder, newcomer).token
    address = address_of(request)
    identity = Identity(address, device, secret or "").as_json()
    shown: dict[str, Any] = {"device": device, "gateway": gateway, "secret": secret, "address": address}
    return page(request, who, "enrolled.html", identity=identity, place=CONFIG_PATH, **shown)


@router.post("/{device}/forget")
def forget(here: Here, who: Operating, device: Annotated[str, Path(pattern=LINE, max_length=64)]) -> Response:
    """Removes a device with all that is known of it; its token ends."""
    devices_api.forget(here, who.holder, device)
    return RedirectResponse("/", 303)


def address_of(request: Request) -> str:
    """The service as this browser reaches it."""
    return f"{request.url.scheme}://{request.url.netloc}"
