"""Labels of a TFLite model with metadata: a zip archive behind the model holds them as a text file."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

from ..errors import ModelError
from . import schema
from .reader import Reader, Table

_MAX_BYTES = 1 << 20  # of the unpacked file
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    KeyError,
    OverflowError,
)


def read_labels(reader: Reader, model: Table) -> dict[str, Any]:
    """``{"labels": [...]}``, one per line of the first ``*label*.txt`` in the archive; empty when there is none."""
    names = [entry.string(schema.Metadata.NAME) for entry in model.tables(schema.Model.METADATA)]
    if schema.METADATA_NAME not in names or b"PK\x05\x06" not in reader.data[-(1 << 16) - 22 :]:
        return {}
    try:
        text = _label_text(reader)
    except _ZIP_ERRORS as error:
        raise ModelError(
            f"{reader.name}: the archive with the labels is damaged: {error}; fetch the file again"
        ) from error
    labels = [line.strip() for line in text.splitlines()]
    return {"labels": labels} if any(labels) else {}


def _label_text(reader: Reader) -> str:
    with zipfile.ZipFile(io.BytesIO(reader.data)) as archive:
        entry = next(
            (e for e in archive.infolist() if "label" in e.filename.lower() and e.filename.endswith(".txt")), None
        )
        if entry is None:
            return ""
        with archive.open(entry) as file:
            raw = file.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise ModelError(f"{reader.name}: '{entry.filename}' unpacks to more than {_MAX_BYTES} B")
    return raw.decode("utf-8", "replace")
