"""Only the pinned sources are used, from the mirror that apt names, and damage is refused with all that helps."""

import dataclasses
import shutil

import pytest

from tinymlaas.errors import ToolchainError
from tinymlaas.toolchain import fetch, paths


@pytest.fixture
def copied_cache(tmp_path, monkeypatch):
    """A cache folder of its own with copies of the real downloads."""
    real = fetch.fetch()
    (tmp_path / "downloads").mkdir()
    for path in real.values():
        shutil.copy2(path, tmp_path / "downloads")
    monkeypatch.setenv("TINYML_CACHE", str(tmp_path))
    return tmp_path


def test_pins_are_well_formed():
    pins = fetch.load_pins()
    assert {pin.package for pin in pins.pins} == {
        "micropython",
        "mbedtls",
        "pico-sdk-source",
        "tinyusb-source",
        "pymonocypher",
    }
    assert pins.named("micropython").version.startswith("1.25.0")
    assert len({pin.sha256 for pin in pins.pins}) == len(pins.pins)


@pytest.mark.parametrize("line", ['sha256 = "12ab"', 'kind = "tarball"', 'colour = "red"'])
def test_malformed_pin_is_refused(tmp_path, line):
    key = line.split()[0]
    lines = [text for text in fetch.PINS_FILE.read_text().splitlines() if not text.startswith(f"{key} =")]
    broken = tmp_path / "pins.toml"
    broken.write_text("\n".join(lines).replace("[[pin]]", f"[[pin]]\n{line}"))
    with pytest.raises(ToolchainError, match=r"pins\.toml"):
        fetch.load_pins(broken)


def test_intact_downloads_are_accepted_without_the_network(copied_cache, monkeypatch):
    monkeypatch.setenv("PATH", "")  # no apt-get, no anything
    assert all(path.is_relative_to(copied_cache) for path in fetch.fetch().values())


def test_altered_download_is_refused(copied_cache):
    pin = fetch.load_pins().named("tinyusb-source")
    path = copied_cache / "downloads" / pin.file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ToolchainError) as caught:
        fetch.fetch()
    message = str(caught.value)
    assert "tinyusb-source 0.18.0" in message
    assert pin.sha256 in message
    assert "remove the file" in message


@pytest.mark.parametrize("damaged", [False, True])
def test_a_source_distribution_comes_through_pip_with_its_hash(tmp_path, monkeypatch, damaged):
    pins = fetch.load_pins()
    pin = pins.named("pymonocypher")
    pin = dataclasses.replace(pin, sha256="0" * 64) if damaged else pin
    monkeypatch.setenv("TINYML_CACHE", str(tmp_path))
    if damaged:
        with pytest.raises(ToolchainError, match="pip brought no such file"):
            fetch.fetch(fetch.Pins(pins.suite, (pin,)))
        assert not list((tmp_path / "downloads").iterdir())
    else:
        assert fetch.fetch(fetch.Pins(pins.suite, (pin,)))["pymonocypher"].name == pin.file


def test_mirrors_are_addresses_without_security_archives():
    mirrors = fetch.mirrors()
    assert mirrors
    assert all("://" in mirror or mirror.startswith("/") for mirror in mirrors)


def test_no_address_is_written_in_the_sources():
    addresses = [
        path
        for path in (paths.REPO / "host" / "tinymlaas" / "toolchain").glob("*.*")
        if path.is_file() and "://" in path.read_text()
    ]
    assert addresses == []
