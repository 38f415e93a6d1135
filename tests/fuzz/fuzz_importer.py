"""``python -m tests.fuzz.fuzz_importer``: hands tests/fuzz/importer.py to atheris; arguments are libFuzzer's."""

import sys

import atheris

with atheris.instrument_imports(include=["tinymlaas"]):
    from tests.fuzz.importer import try_bytes


def main() -> None:
    """Ends by itself, see -max_total_time."""
    atheris.Setup(sys.argv, try_bytes)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
