"""Downloads the pinned source packages from the machine's own package mirrors.

A private apt configuration is used: the system's source lists and indexes are read to learn the mirror, never written.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tinymlaas.errors import ToolchainError
from tinymlaas.toolchain import paths, process, stamps

PINS_FILE = Path(__file__).with_name("pins.toml")
OWN_CHECKOUT = "or use a checkout of your own: make MICROPYTHON_DIR=/path/to/micropython …"


@dataclass(frozen=True, slots=True)
class Pin:
    """One third-party source: `file` of `package`, whose folder `root` is unpacked as `folder` in the cache."""

    package: str
    kind: str
    version: str
    file: str
    sha256: str
    root: str
    folder: str


@dataclass(frozen=True, slots=True)
class Pins:
    """All pinned sources, and the suite of the package archive that carries them."""

    suite: str
    pins: tuple[Pin, ...]

    def named(self, package: str) -> Pin:
        """The pin of `package`; raises KeyError."""
        return {pin.package: pin for pin in self.pins}[package]


def load_pins(path: Path = PINS_FILE) -> Pins:
    """Reads pins.toml; raises ToolchainError when it is malformed."""
    table = tomllib.loads(path.read_text())
    try:
        pins = Pins(table["suite"], tuple(Pin(**row) for row in table["pin"]))
    except (KeyError, TypeError) as error:
        raise ToolchainError(f"{paths.shown(path)}: malformed pin: {error}") from error
    for pin in pins.pins:
        if not re.fullmatch(r"[0-9a-f]{64}", pin.sha256) or pin.kind not in ("source", "binary", "sdist"):
            raise ToolchainError(f"{paths.shown(path)}: {pin.package}: sha256 or kind is not well-formed")
    return pins


def verify(pin: Pin, path: Path) -> None:
    """Raises ToolchainError unless the file has the pinned SHA-256."""
    got = hashlib.sha256(path.read_bytes()).hexdigest()
    if got != pin.sha256:
        raise ToolchainError(
            f"{pin.package} {pin.version}: {paths.shown(path)} is not the pinned file\n"
            f"  expected SHA-256 {pin.sha256}\n  got              {got}\n"
            f"remove the file and run `make deps` again; if it fails again, the mirror's file differs from the pin"
        )


def fetch(pins: Pins | None = None) -> dict[str, Path]:
    """Paths of all pinned files by package, downloaded where missing; every file is verified."""
    pins = pins or load_pins()
    folder = paths.cache_dir() / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    with stamps.lock("fetch"):
        missing = [pin for pin in pins.pins if not (folder / pin.file).is_file()]
        _download([pin for pin in missing if pin.kind != "sdist"], pins.suite, folder)
        for pin in missing:
            if pin.kind == "sdist":
                _download_sdist(pin, folder)
        for pin in pins.pins:
            verify(pin, folder / pin.file)
    return {pin.package: folder / pin.file for pin in pins.pins}


def mirrors() -> list[str]:
    """Addresses of the archives that the machine's apt is configured with, security archives left out."""
    lines = process.capture(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(SITE)", "Created-By: Packages"]
    ).splitlines()
    pairs = [line.split() for line in lines if len(line.split()) == 2]
    return list(dict.fromkeys(site for release, site in pairs if not release.endswith("-security")))


def _download_sdist(pin: Pin, folder: Path) -> None:
    # pip compares the hash before it runs anything of the package; it insists on asking it for its metadata.
    process.say(f"fetching {pin.package} {pin.version}")
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "requirements.txt"
        wanted.write_text(f"{pin.package}=={pin.version} --hash=sha256:{pin.sha256}\n")
        options = ["--no-deps", "--no-build-isolation", f"--no-binary={pin.package}", "--require-hashes"]
        command = [sys.executable, "-m", "pip", "download", *options, "-d", str(folder), "-r", str(wanted)]
        try:
            process.run(command, what="fetch", log="fetch")
        except ToolchainError as error:
            raise ToolchainError(
                f"{pin.package} {pin.version}: pip brought no such file: check `pip config list`, or put {pin.file}"
                f" into {paths.shown(folder)} yourself; log: build/logs/fetch.log"
            ) from error


def _download(missing: list[Pin], suite: str, folder: Path) -> None:
    if not missing:
        return
    config = _update_private_index(suite)
    for pin in missing:
        process.say(f"fetching {pin.package} {pin.version}")
        verb = ["source", "--tar-only"] if pin.kind == "source" else ["download"]
        try:
            process.run(
                ["apt-get", "-c", config, *verb, f"{pin.package}={pin.version}"], what="fetch", log="fetch", cwd=folder
            )
        except ToolchainError as error:
            raise ToolchainError(_not_offered(pin, suite, config)) from error
        if not (folder / pin.file).is_file():
            raise ToolchainError(f"{pin.package}={pin.version} did not bring {pin.file}; update {PINS_FILE.name}")


def _update_private_index(suite: str) -> Path:
    process.say(f"reading the package index of suite {suite}")
    sites = mirrors()
    failures = []
    for site in sites:
        config = _write_private_config(site, suite)
        try:
            process.run(["apt-get", "-c", config, "update"], what="package index", log="fetch")
        except ToolchainError as error:
            failures.append(str(error).splitlines()[-1])
        else:
            return config
    raise ToolchainError(
        f"none of the {len(sites)} package archives of this machine's apt configuration carries suite {suite}"
        f" ({'; '.join(failures) or 'no archive is configured'}); check `apt-get update`, {OWN_CHECKOUT}"
    )


def _write_private_config(site: str, suite: str) -> Path:
    folder = paths.cache_dir() / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    sources = folder / "sources.list"
    sources.write_text(f"deb {site} {suite} main\ndeb-src {site} {suite} main\n")
    config = folder / "apt.conf"
    config.write_text(_CONFIG.format(folder=folder))
    return config


# Hooks of the system (caches, desktop indexes) must not run for our private index.
_CONFIG = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "{folder}/lists";
Dir::Cache "{folder}/cache";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
"""


def _not_offered(pin: Pin, suite: str, config: Path) -> str:
    query = ["showsrc", "--only-source"] if pin.kind == "source" else ["show"]
    try:
        text = process.capture(["apt-cache", "-c", config, *query, pin.package])
    except ToolchainError:
        text = ""
    offered = re.findall(r"^Version: (.*)$", text, re.MULTILINE)
    return (
        f"package {pin.package}: expected version {pin.version} in suite {suite},"
        f" got {', '.join(offered) or 'no such package'}; update {PINS_FILE.name} after checking the new version,"
        f" {OWN_CHECKOUT}; log: build/logs/fetch.log"
    )
