"""``python -m tests.fuzz.fuzz_importer``: hands tests/fuzz/importer.py to atheris; arguments are libFuzzer's.

A defect does not end it: its bytes are kept as crash-<error>-<file>-<line> under -artifact_prefix, one for each place.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tinymlaas"]):
    from tests.fuzz.importer import try_bytes

from tests.fuzz.mutate import mutate

_PREFIX = next((a.removeprefix("-artifact_prefix=") for a in sys.argv if a.startswith("-artifact_prefix=")), "")


def main() -> None:
    """Ends by itself, see -max_total_time."""
    atheris.Setup(sys.argv, _try, custom_mutator=_mutate)
    atheris.Fuzz()


def _try(data: bytes) -> None:
    try:
        outcome = try_bytes(data)
    except Exception as error:  # whatever it is, it is a defect
        place = traceback.extract_tb(error.__traceback__)[-1]
        _keep(data, f"{type(error).__name__}-{Path(place.filename).stem}-{place.lineno}", traceback.format_exc())
        return
    if outcome == "an error without words":
        _keep(data, "no-words", outcome)


def _keep(data: bytes, name: str, words: str) -> None:
    path = Path(f"{_PREFIX}crash-{name}")
    if not path.exists():
        path.write_bytes(data)
        print(f"{path.name}: {words}", file=sys.stderr, flush=True)


def _mutate(data: bytes, most_bytes: int, seed: int) -> bytes:
    """Every other time fields of the model, else bytes of the file."""
    changed = mutate(data, seed) if seed % 2 else None
    return changed if changed is not None and len(changed) <= most_bytes else atheris.Mutate(data, most_bytes)


if __name__ == "__main__":
    main()
