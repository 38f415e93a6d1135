"""``make demo-service``: plays the whole story of the service unattended; exit code 1 when a step does not end as it should."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from ..cli.console import data, fail
from ..errors import TinymlError
from ..toolchain.paths import build_dir, shown
from .browser import window
from .stage import stage
from .story import Story


def main() -> None:
    """All in a temporary folder; the pictures stay in build/demo-service."""
    parser = argparse.ArgumentParser(prog="make demo-service", description=__doc__)
    parser.add_argument("--within", type=float, default=120, help="seconds until both devices must run; default 120")
    promised_s, pictures = parser.parse_args().within, build_dir() / "demo-service"
    try:
        with tempfile.TemporaryDirectory(prefix="tinymlaas-demo-") as folder, stage(Path(folder)) as place:
            began = time.monotonic()
            place.serve()
            with window(place.url, pictures) as page:
                story = Story(place, place.client(), page, promised_s, began)
                story.say("serve", f"tinymlaas serve at {place.url}/, in an empty folder")
                story.tell()
                data.print(f"{page.count} pictures in {shown(pictures)}", highlight=False, soft_wrap=True)
    except TinymlError as error:
        fail(error)


if __name__ == "__main__":
    main()
