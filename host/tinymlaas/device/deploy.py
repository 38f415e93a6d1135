"""Put an inference module on a board: into ROMFS, where it runs in place, or else on the filesystem."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass

from tinymlaas.device import romdeploy
from tinymlaas.device.romdevice import RomDevice, query_romfs
from tinymlaas.device.transport import Device, Progress, no_progress
from tinymlaas.errors import DeviceError, FitError, UsageError

PART_SUFFIX = ".part"
MAX_NAME_BYTES = 64

_SHA256 = """
import hashlib, binascii
_h = hashlib.sha256()
with open({path!r}, 'rb') as _f:
    while True:
        _c = _f.read(512)
        if not _c:
            break
        _h.update(_c)
print(binascii.hexlify(_h.digest()).decode())
"""
# FAT cannot rename over an existing file; littlefs can, atomically.
_REPLACE = """
import os
try:
    os.rename({part!r}, {path!r})
except OSError:
    os.remove({path!r})
    os.rename({part!r}, {path!r})
"""
_FREE = """
import os
_p = os.getcwd()
try:
    _s = os.statvfs(_p)
    print((_p, _s[0] * _s[3]))
except OSError:
    print((_p, 0))
"""
_REMOVE = "import os\ntry:\n os.remove({path!r})\nexcept OSError:\n pass"


@dataclass(frozen=True, slots=True)
class DeployResult:
    """Where the module is now, whether its weights can be used in place there, and why it was put there."""

    path: str
    in_place: bool
    reason: str


def deploy(
    device: Device,
    name: str,
    data: bytes,
    progress: Progress = no_progress,
    *,
    use_romfs: bool = True,
    overwrite: bool = False,
) -> DeployResult:
    """Put `data` on the board as `name`, a plain file name. `progress` is told (bytes done, bytes in all).

    An interruption at any point leaves the files that were there whole. overwrite: give that up for the old file of
    this name, so that its room can be used. Raises FitError with the numbers when it fits nowhere.
    """
    if "/" in name or not 0 < len(name.encode()) <= MAX_NAME_BYTES:
        raise UsageError(f"'{name}' is no plain file name of at most {MAX_NAME_BYTES} bytes")
    reason = "ROMFS was not wanted"
    if use_romfs:
        result = _to_romfs(device, name, data, progress, overwrite)
        if isinstance(result, DeployResult):
            return result
        reason = result
    return _to_filesystem(device, name, data, progress, reason)


def _to_romfs(device: Device, name: str, data: bytes, progress: Progress, overwrite: bool) -> DeployResult | str:
    """The result, or why it cannot go there."""
    partition = query_romfs(device)
    if partition is None:
        return "this firmware has no ROMFS partition"
    try:
        done = romdeploy.put(RomDevice(device, partition), name, data, progress, overwrite)
    except FitError as error:
        return str(error)
    return DeployResult(f"/rom/{name}", True, f"{name} {done} in ROMFS ({partition.size} bytes), used in place")


def _to_filesystem(device: Device, name: str, data: bytes, progress: Progress, reason: str) -> DeployResult:
    """Upload under a temporary name, verify, rename."""
    folder, _ = ast.literal_eval(device.exec(_FREE).decode())
    path = folder.rstrip("/") + "/" + name
    part = path + PART_SUFFIX
    device.exec(_REMOVE.format(path=part))
    _, free = ast.literal_eval(device.exec(_FREE).decode())
    if free < len(data):
        raise FitError(f"{name}: {reason}; and the filesystem has {free} bytes free, {len(data)} are needed")
    device.write_file(part, data, progress)
    found = device.exec(_SHA256.format(path=part), timeout=60).decode().strip()
    if found != hashlib.sha256(data).hexdigest():
        device.exec(_REMOVE.format(path=part))
        raise DeviceError(
            f"{path}: its SHA-256 on the board is {found[:16]}… after the upload; the old file is untouched"
        )
    device.exec(_REPLACE.format(part=part, path=path))
    return DeployResult(path, False, f"{reason}; on the filesystem, weights are read into RAM")
