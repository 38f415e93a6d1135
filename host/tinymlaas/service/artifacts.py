"""Signed modules over HTTP: whole or a range, so that a download can go on after a cut."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..errors import ServiceError
from .store import Store

BLOCK = 256 << 10
KEPT_BLOCKS = 64  # 16 MiB: a rollout hands the same few modules to many devices
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


class Artifacts:
    """Reads modules from the store in blocks and keeps the last ones used."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def answer(self, request: Request, sha256: str, size: int) -> Response:
        """200, or 206 for one range; 416 for a range behind the end. Several ranges at once get everything, as the standard allows."""
        etag = f'"{sha256}"'
        headers = {"etag": etag, "accept-ranges": "bytes", "content-length": str(size)}
        start, end = 0, size
        condition = request.headers.get("if-range")
        wanted = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
        if wanted is not None and wanted.group() != "bytes=-" and condition in (None, etag):
            start, end = _bounds(wanted, size)
            headers |= {"content-range": f"bytes {start}-{end - 1}/{size}", "content-length": str(end - start)}
        status = 206 if "content-range" in headers else 200
        if request.method == "HEAD":
            return Response(None, status, headers, "application/octet-stream")
        if end <= (start - start % BLOCK) + BLOCK and (block := self._blocks.get((sha256, start - start % BLOCK))):
            return Response(
                block[start % BLOCK : end - (start - start % BLOCK)], status, headers, "application/octet-stream"
            )
        return StreamingResponse(self._pieces(sha256, size, start, end), status, headers, "application/octet-stream")

    async def _pieces(self, sha256: str, size: int, start: int, end: int) -> AsyncIterator[bytes]:
        for at in range(start - start % BLOCK, end, BLOCK):
            block = await self._block(sha256, at, min(at + BLOCK, size))
            yield block[max(start - at, 0) : end - at]

    async def _block(self, sha256: str, at: int, end: int) -> bytes:
        block = self._blocks.get((sha256, at))
        if block is None:
            block = await asyncio.to_thread(self._store.get_range, "signed", sha256, at, end)
            self._blocks[sha256, at] = block
            if len(self._blocks) > KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return block


def _bounds(wanted: re.Match[str], size: int) -> tuple[int, int]:
    first, last = wanted.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1, size) if first and last else size
    if start >= end:
        raise ServiceError(416, f"bytes {first}-{last} of a module of {size} bytes", f"ask for less than {size}")
    return start, end
