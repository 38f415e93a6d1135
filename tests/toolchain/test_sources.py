"""The MicroPython tree: the pinned one is complete, one of the user's own is checked before anything is built."""

import re
import shutil

import pytest

from tinymlaas.errors import ToolchainError
from tinymlaas.toolchain import sources


@pytest.fixture
def checkout(tmp_path):
    """The beginning of a checkout: the real version header."""
    (tmp_path / "py").mkdir()
    shutil.copy2(sources.micropython().root / "py" / "mpconfig.h", tmp_path / "py")
    return tmp_path


def set_version(checkout, minor):
    header = checkout / "py" / "mpconfig.h"
    header.write_text(re.sub(r"(MICROPY_VERSION_MINOR) \d+", rf"\1 {minor}", header.read_text()))


def test_pinned_tree_is_complete(monkeypatch):
    monkeypatch.delenv("MICROPYTHON_DIR", raising=False)
    tree = sources.micropython()
    assert (tree.version_text, tree.pinned) == ("1.25.0", True)
    sources.require_submodules(tree, sources.LINKED)
    assert (tree.root / "lib" / "pico-sdk" / "pico_sdk_init.cmake").is_file()


def test_own_checkout_is_used(checkout, monkeypatch):
    monkeypatch.setenv("MICROPYTHON_DIR", str(checkout))
    set_version(checkout, 24)
    assert sources.micropython() == sources.MicroPython(checkout, (1, 24, 0), pinned=False)


def test_too_old_checkout_is_refused(checkout, monkeypatch):
    monkeypatch.setenv("MICROPYTHON_DIR", str(checkout))
    set_version(checkout, 23)
    with pytest.raises(ToolchainError, match=r"is MicroPython 1\.23\.0, at least 1\.24\.0 is needed"):
        sources.micropython()


def test_other_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path))
    with pytest.raises(ToolchainError, match="is not a MicroPython tree"):
        sources.micropython()


def test_checkout_without_submodules_is_told_how_to_get_them(checkout):
    tree = sources.MicroPython(checkout, (1, 25, 0), pinned=False)
    with pytest.raises(ToolchainError, match="submodule update --init lib/pico-sdk"):
        sources.require_submodules(tree, ("pico-sdk",))
