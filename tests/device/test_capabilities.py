"""What a device says of itself is what the service understands, and true."""

import json

import pytest

from tests.support.devices import bench
from tests.support.signing import BY_RELEASE, RELEASE_PUBLIC
from tinymlaas import sign
from tinymlaas.service import capabilities

KEYS = json.loads(sign.device_keys([RELEASE_PUBLIC]))


@pytest.fixture(scope="module", params=["unix", "pico"])
def board(request):
    with bench(request.param, {}) as running:
        running.run("import gc, json, os\nfrom tinyml import trust\nfrom tinyml.capabilities import capabilities")
        yield running


def said(board, slots="None"):
    return json.loads(board.run(f"print(json.dumps(capabilities({slots})))"))


def test_the_service_understands_it_and_knows_the_board(board):
    words = said(board)
    parsed = capabilities.parse(words)
    assert set(words) == set(type(parsed).model_fields)
    described = capabilities.board_of(parsed)
    assert described.id == board.board.id
    assert (parsed.kernel_target, parsed.arch) == (described.kernel_target, described.mpy_arch)
    assert parsed.clock_hz == described.clock_hz
    assert capabilities.canonical(parsed) == words  # already as the service keeps it


def test_memory_is_as_it_says(board):
    block = said(board)["heap_block"]
    assert 0 < block <= said(board)["heap_free"]
    assert board.value(f"len(bytearray({block}))") == block
    board.run("gc.collect()")
    assert board.error(f"bytearray({block + 4096})").startswith("MemoryError")


def test_a_module_in_place_takes_what_it_takes(board):
    """heap: beside the loaded model; flash: beside its file, while that of the spare place counts as free."""
    folder = "caps" if board.board.transport == "unix" else "/caps"
    before = said(board)
    board.run(f"import tinyml.slots\ns = tinyml.slots.Slots('small', {folder!r})")
    size = len(BY_RELEASE)
    board.run(f"s.begin({'0' * 64!r}, {size}, 1)\nwhole = {BY_RELEASE!r}\ns.write(whole)\ns.pause()\nwhole = None")
    board.run(
        "import hashlib\nd = ''.join('%02x' % b for b in hashlib.sha256(open(s._spare_path(), 'rb').read()).digest())"
    )
    board.run(
        f"s.revert('')\ns.begin(d, {size}, 1)\ns.write({BY_RELEASE!r})\ns.check()\ns.test()\ns.switch()\ns.confirm()"
    )
    loaded = said(board, "s")
    assert before["heap_free"] - loaded["heap_free"] >= (board.value("s.model.ram") & ~1023)
    if board.board.transport != "unix":  # the disk of a computer is larger than what is told
        assert 4096 <= before["flash_free"] - loaded["flash_free"] <= size + 5 * 4096
    board.run("s = None")


def test_keys_are_told_by_their_fingerprints(board):
    assert (said(board)["verifies"], said(board)["keys"]) == (False, [])
    board.run(f"trust.use({KEYS!r})")
    try:
        assert (said(board)["verifies"], said(board)["keys"]) == (True, [sign.fingerprint(RELEASE_PUBLIC)])
    finally:
        board.run("trust.use(None)")
