"""Two places for a module: what is taken, what is refused and why, and that the old one runs until the new one has proved itself."""

import hashlib
import json

import pytest

from tests.support import golden
from tests.support.devices import bench
from tests.support.signing import OTHER, RELEASE, RELEASE_PUBLIC
from tests.support.small_module import small_tflite
from tinymlaas import sign
from tinymlaas.compile import compile_model
from tinymlaas.planfmt import HEADER

DIGITS = compile_model(golden.digits().data, "digits").module
KEYS = json.loads(sign.device_keys([RELEASE_PUBLIC]))
SIGNED = {version: sign.sign(DIGITS, RELEASE, version) for version in range(5, 9)}


def damaged_vectors(module: bytes) -> bytes:
    """The expected output of the first self-test changed, the SHA-256 in the header made to fit."""
    header = HEADER.unpack(module)
    at = header["selftests_offset"] + 4  # behind its seed
    payload = bytearray(module[HEADER.nbytes :])
    payload[at - HEADER.nbytes] ^= 1
    return HEADER.pack(header | {"payload_sha256": hashlib.sha256(payload).digest()}) + bytes(payload)


FAILING = damaged_vectors(DIGITS)


@pytest.fixture(scope="module", params=["unix", "pico"])
def started(request):
    with bench(request.param, {}) as running:
        running.run("import gc, os\nfrom tinyml import trust\nfrom tinyml.slots import Slots")
        yield running


@pytest.fixture
def board(started):
    """With `s`: empty slots in a folder of their own; no keys."""
    folder = "slots" if started.board.transport == "unix" else "/slots"
    started.run(
        f"trust.use(None)\ns = None\ngc.collect()\nf = {folder!r}\n"
        "try:\n for n in os.listdir(f): os.remove(f + '/' + n)\nexcept OSError: pass\n"
        "s = Slots('digits', f)"
    )
    yield started
    started.run("trust.use(None)\ns = None")


def send(board, module, version, claimed=None):
    """begin() and the bytes that are missing."""
    digest = claimed or hashlib.sha256(module).hexdigest()
    at = board.value(f"s.begin({digest!r}, {len(module)}, {version})")
    for start in range(at, len(module), 1500):
        board.run(f"s.write({module[start : start + 1500]!r})")
    return at


def install(board, module, version):
    """The whole way."""
    send(board, module, version)
    board.run("s.check()")
    said = board.value("s.test()")
    board.run("s.switch()\ns.confirm()")
    return said


def test_a_module_is_installed_and_runs_after_a_reset(board):
    assert board.value("s.model, s.path, s.version, s.sha256, s.next, s.error") == (None, None, 0, None, None, "")
    said = install(board, DIGITS, 3)
    assert said["selftest"] is True
    assert said["inference_us"] > 0
    assert said["heap_free"] > 0
    for again in ("pass", "s = Slots('digits', f)"):
        board.run(again)
        assert board.value("s.model.selftest(), s.version, s.next") == (True, 3, None)
        assert board.value("s.sha256") == hashlib.sha256(DIGITS).hexdigest()


def test_the_old_one_runs_until_the_new_one_is_confirmed(board):
    install(board, SIGNED[5], 5)
    old = board.value("s.path")
    send(board, SIGNED[6], 6)
    assert board.value("s.path") == old
    board.run("s.check()\ns.test()")
    assert board.value("s.path, s.version, s.model.selftest()") == (old, 5, True)
    board.run("m = s.model\ns.switch()")
    assert board.value("s.version, s.model is not m, m.selftest()") == (6, True, True)
    assert board.value("Slots('digits', f).version") == 5  # a reset now brings the old one back
    board.run("s.confirm()")
    assert board.value("s.version, Slots('digits', f).version") == (6, 6)


def test_the_initial_module_runs_until_another_is_installed(board):
    board.run(
        f"with open('initial.tml', 'wb') as x: x.write({SIGNED[5]!r})\ns = Slots('digits', f, initial='initial.tml')"
    )
    assert board.value("s.path, s.version, s.sha256, s.model.selftest()") == ("initial.tml", 5, None, True)
    install(board, SIGNED[6], 6)
    board.run("s = Slots('digits', f, initial='initial.tml')")
    assert board.value("s.version, s.model.selftest()") == (6, True)


def test_a_download_goes_on_where_it_was_cut(board):
    digest = hashlib.sha256(DIGITS).hexdigest()
    board.run(f"s.begin({digest!r}, {len(DIGITS)}, 3)\ns.write({DIGITS[:5000]!r})\ns._file.close()")
    board.run("s = Slots('digits', f)")
    assert board.value("s.next['version']") == 3
    assert send(board, DIGITS, 3) == 5000
    board.run("s.check()")


def test_another_module_starts_anew(board):
    send(board, SIGNED[5][:5000], 5, claimed="0" * 64)
    assert send(board, SIGNED[6], 6) == 0
    board.run("s.check()\ns.test()\ns.switch()")
    assert send(board, SIGNED[7], 7) == 0  # also instead of one that was never confirmed
    assert board.value("s.model, s.version") == (None, 0)


def test_what_is_damaged_is_deleted_and_downloaded_anew(board):
    install(board, SIGNED[5], 5)
    send(board, SIGNED[6][:-1] + b"x", 6, claimed=hashlib.sha256(SIGNED[6]).hexdigest())
    assert "SHA-256 is " in board.error("s.check()")
    assert board.value("s.version, s.model.selftest()") == (5, True)
    assert send(board, SIGNED[6], 6) == 0
    board.run("s.check()")


def test_too_few_and_too_many_bytes(board):
    send(board, DIGITS, 3)
    assert board.error("s.write(b'x')") == f"ValueError: digits: {len(DIGITS) + 1} B came, the module has {len(DIGITS)}"
    board.run(f"s.begin({'0' * 64!r}, {len(DIGITS)}, 3)\ns.write(b'abc')")
    assert board.error("s.check()").startswith(f"ValueError: digits: 3 of {len(DIGITS)} B are here")
    assert board.value("s.next['version']") == 3


def test_a_module_larger_than_the_filesystem_is_refused_at_once(board):
    said = board.error(f"s.begin({'0' * 64!r}, 1 << 50, 3)")
    assert said.startswith("OSError")
    assert "the filesystem has" in said
    assert board.value("s.next") is None


def test_a_failing_self_test_keeps_the_old_one(board):
    install(board, SIGNED[5], 5)
    send(board, FAILING, 6)
    board.run("s.check()")
    assert board.value("s.test()['selftest']") is False
    assert board.error("s.switch()") == "ValueError: digits: its self-test has not passed, so it does not run"
    board.run("s.revert('its self-test failed', feedback='failed')")
    assert board.value("s.version, s.model.selftest(), s.error, s.next") == (5, True, "its self-test failed", None)
    assert board.value("Slots('digits', f).notes") == {"feedback": "failed"}


def test_revert_after_the_switch_brings_the_old_one_back(board):
    install(board, SIGNED[5], 5)
    board.run("m = s.model")
    send(board, SIGNED[6], 6)
    board.run("s.check()\ns.test()\ns.switch()\ns.revert('the app fails with it')")
    assert board.value("s.version, s.model is m") == (5, True)
    assert board.value("Slots('digits', f).version") == 5


def test_revert_without_an_update_loses_nothing(board):
    install(board, SIGNED[5], 5)
    install(board, SIGNED[6], 6)
    board.run("s.revert('nothing was begun')")
    assert board.value("s.version, len([n for n in os.listdir(f) if n.endswith('.tml')])") == (6, 2)


def test_a_module_of_another_model_is_refused(board):
    send(board, compile_model(small_tflite(), "small").module, 3)
    assert board.error("s.check()") == "ValueError: digits: this is a module of small"


def test_a_module_that_resets_the_board_is_given_up(board):
    send(board, DIGITS, 3)
    for _ in range(3):
        board.run("s.check()\ns.test()\ns = Slots('digits', f)")
    board.run("s.check()")
    assert board.error("s.test()") == "ValueError: digits: 3 tests of it ended in a reset"


def test_a_spoilt_file_falls_back_to_the_one_before(board):
    install(board, SIGNED[5], 5)
    install(board, SIGNED[6], 6)
    board.run("with open(s.path, 'r+b') as x:\n x.seek(3000)\n x.write(b'spoilt')\ns = Slots('digits', f)")
    assert board.value("s.model.selftest(), s.version") == (True, 5)
    assert "SHA-256 does not match" in board.value("s.error")


@pytest.mark.parametrize("spoilt", ["''", "'xxxxxxxx{}'", "'0'*500"])
def test_spoilt_notes_fall_back_to_the_ones_before(board, spoilt):
    install(board, SIGNED[5], 5)
    board.run("s.note(a=1)\ns.note(a=2)")
    board.run(f"with open(f + '/digits.%d.json' % s._state._newest, 'w') as x: x.write({spoilt})")
    assert board.value("(lambda s: (s.version, s.notes))(Slots('digits', f))") == (5, {"a": 1})


@pytest.mark.parametrize("name", ["", "a/b"])
def test_names_are_checked(board, name):
    assert "is no name of a model" in board.error(f"Slots({name!r}, f)")


@pytest.mark.parametrize("call", ["write(b'')", "check()", "test()", "confirm()", "switch()"])
def test_steps_come_in_their_order(board, call):
    assert board.error(f"s.{call}").startswith("ValueError: digits: ")


# With release keys


@pytest.fixture
def keyed(board):
    board.run(f"trust.use({KEYS!r})")
    install(board, SIGNED[6], 6)
    return board


def test_older_modules_are_refused_also_after_a_reset(keyed):
    assert keyed.value("s.floor") == 6
    send(keyed, SIGNED[5], 9)  # whatever number they are offered under
    keyed.run("s = Slots('digits', f)")
    assert "release counter 5 is older than 6, refused" in keyed.error("s.check()")
    assert keyed.value("s.version, s.model.selftest()") == (6, True)
    send(keyed, SIGNED[6], 6)
    keyed.run("s.check()")  # the same is not older


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (DIGITS, "not signed, and this device has release keys"),
        (sign.sign(DIGITS, OTHER, 9), "no release key of this device vouches for"),
        (SIGNED[8][:200] + bytes([SIGNED[8][200] ^ 1]) + SIGNED[8][201:], "not what was signed"),
        (SIGNED[8][:-1] + bytes([SIGNED[8][-1] ^ 1]), "the signature is not its signer's"),
    ],
    ids=["unsigned", "stranger", "altered", "forged"],
)
def test_what_the_keys_do_not_answer_for_is_refused(keyed, module, words):
    send(keyed, module, 9)
    assert words in keyed.error("s.check()")
    assert "check() comes before test()" in keyed.error("s.test()")
    assert keyed.value("s.version, s.model.selftest()") == (6, True)


def test_a_spoilt_file_does_not_bring_an_older_one_back(keyed):
    install(keyed, SIGNED[7], 7)
    keyed.run("with open(s.path, 'r+b') as x:\n x.seek(3000)\n x.write(b'spoilt')\ns = Slots('digits', f)")
    assert keyed.value("s.model") is None
    assert "release counter 6 is older than 7" in keyed.value("s.error")
    install(keyed, SIGNED[8], 8)  # and another one mends it
    assert keyed.value("s.version, s.model.selftest()") == (8, True)


def test_keys_that_come_later_count_from_then_on(board):
    install(board, SIGNED[7], 7)
    board.run(f"trust.use({KEYS!r})")
    send(board, SIGNED[5], 8)
    assert "release counter 5 is older than 7" in board.error("s.check()")
