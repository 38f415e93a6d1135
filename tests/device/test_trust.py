"""A device with release keys runs what they answer for and nothing else; who checks is the native module, on every board."""

import hashlib
import json
import struct

import pytest

from tests.support.devices import Bench, bench
from tests.support.ed25519 import VECTORS, Vector, edge_cases
from tests.support.signing import (
    BY_ONLINE,
    BY_RELEASE,
    COUNTER,
    EPOCH,
    ONLINE,
    ONLINE_PUBLIC,
    OTHER,
    OTHER_PUBLIC,
    PLAIN,
    RELEASE,
    RELEASE_PUBLIC,
)
from tinymlaas import sign
from tinymlaas.device.install import PACKAGE_DIR
from tinymlaas.errors import ModuleError
from tinymlaas.planfmt import HEADER, SIGNATURE
from tinymlaas.target import board_by_name
from tinymlaas.toolchain.natmod import build_natmod, build_verifier

FIRMWARES = ["unix", "qemu-m3", "qemu-m4", "qemu-rv32", "pico"]
KEYS = json.loads(sign.device_keys([OTHER_PUBLIC, RELEASE_PUBLIC], EPOCH))
SIGNED = pytest.mark.parametrize("module", ["release", "online"])
FILES = {"plain.tml": PLAIN, "release.tml": BY_RELEASE, "online.tml": BY_ONLINE, "keys.json": json.dumps(KEYS).encode()}


@pytest.fixture(scope="module", params=FIRMWARES)
def started(request):
    with bench(request.param, FILES) as running:
        running.run(f"import gc, json, sys, struct, tinyml\nfrom tinyml import trust\nd = {running.folder!r}")
        yield running


@pytest.fixture
def board(started):
    started.run(f"trust.use({KEYS!r})")
    yield started
    started.run("trust.use(None)\nx = None\ngc.collect()")


@pytest.fixture(scope="module")
def unix():
    with bench("unix", FILES) as running:
        running.run(f"import tinyml\nfrom tinyml import trust\ntrust.use({KEYS!r})\nd = {running.folder!r}")
        yield running


def refusal(unix, module: bytes) -> str:
    """What Model says, with and without verify."""
    said = {unix.error(f"tinyml.Model({module!r}, verify={verify})") for verify in (True, False)}
    assert len(said) == 1
    return said.pop()


def wrong_answers(board: Bench, vectors: list[Vector]) -> list[str]:
    """Names of the vectors for which the native check says something else."""
    board.run("from _tinyml_ed25519 import verify")
    said = [board.value(f"verify({v.key!r}, {v.signature!r}, {v.message!r})") for v in vectors]
    return [v.name for v, answer in zip(vectors, said, strict=True) if answer is not v.valid]


# The native check


def test_vectors_and_edge_cases(started):
    assert wrong_answers(started, VECTORS + edge_cases()) == []


def test_parts_are_one_message(started):
    key, signature, message = VECTORS[3].key, VECTORS[3].signature, VECTORS[3].message
    started.run("from _tinyml_ed25519 import verify")
    parts = "m[:1], b'', bytearray(m[1:33]), memoryview(m)[33:]"
    assert started.value(f"(lambda m: verify({key!r}, memoryview({signature!r}), {parts}))({message!r})") is True


def test_what_verify_cannot_take(started):
    started.run("from _tinyml_ed25519 import verify")
    assert started.error("verify(bytes(31), bytes(64))") == "ValueError: a key has 32 bytes, a signature 64"
    assert started.error("verify(bytes(32), bytes(65), b'')") == "ValueError: a key has 32 bytes, a signature 64"
    assert started.error("verify(bytes(32), bytes(64), 5)").startswith("TypeError")
    assert started.error("verify(bytes(32))").startswith("TypeError")


# What runs


def test_without_keys_every_module_runs(board):
    board.run("trust.use(None)")
    for name in ("plain", "release", "online"):
        assert board.value(f"tinyml.Model(d + '{name}.tml').selftest()") is True
    assert board.value("trust.fingerprints()") == []


@SIGNED
def test_what_the_keys_answer_for_runs(board, module):
    assert board.value(f"tinyml.Model(d + '{module}.tml').selftest()") is True
    assert board.value(f"tinyml.Model(open(d + '{module}.tml', 'rb').read(), verify=False).selftest()") is True


def test_check_tells_who_signed(board):
    for name, expected in (("release", (RELEASE_PUBLIC, 0, COUNTER)), ("online", (ONLINE_PUBLIC, EPOCH, COUNTER))):
        assert board.value(f"trust.check(open(d + '{name}.tml', 'rb').read())") == expected


def test_keys_can_be_a_file(board):
    board.run("trust.use(d + 'keys.json')")
    assert board.value("trust.fingerprints()") == [sign.fingerprint(k) for k in (OTHER_PUBLIC, RELEASE_PUBLIC)]
    assert board.value("tinyml.Model(d + 'online.tml').selftest()") is True


def test_what_nobody_signed_does_not_run(board):
    for verify in (True, False):
        said = board.error(f"tinyml.Model(d + 'plain.tml', verify={verify})")
        assert said.endswith("not signed, and this device has release keys; sign it with: tinymlaas sign")
    board.run("x = bytearray(open(d + 'online.tml', 'rb').read())\nx[-200] ^= 1")
    assert board.error("tinyml.Model(x, verify=False)").startswith("ValueError: module: not what was signed")
    board.run("x[-200] ^= 1\nx[-1] ^= 1")
    assert board.error("tinyml.Model(x)").startswith("ValueError: module: the signature is not its signer's")


# What is forged, on unix


def resealed(module: bytes) -> bytes:
    """Its payload changed, and the SHA-256 in the header made to fit."""
    at = len(module) - SIGNATURE.nbytes
    payload = module[HEADER.nbytes : at - 1] + bytes([module[at - 1] ^ 1])
    header = HEADER.unpack(module) | {"payload_sha256": hashlib.sha256(payload).digest()}
    return HEADER.pack(header) + payload + module[at:]


def with_block(module: bytes, **fields) -> bytes:
    at = len(module) - SIGNATURE.nbytes
    return module[:at] + SIGNATURE.pack(SIGNATURE.unpack(module, at) | fields)


REFUSED = {
    "payload": (resealed(BY_ONLINE), "the signature is not its signer's"),
    "counter": (HEADER.pack(HEADER.unpack(BY_ONLINE) | {"min_version": 9}) + BY_ONLINE[104:], "the signature is not"),
    "no counter": (
        HEADER.pack(HEADER.unpack(BY_ONLINE) | {"min_version": 0}) + BY_ONLINE[104:],
        "not where it belongs",
    ),
    "signer": (with_block(BY_ONLINE, signer=list(OTHER_PUBLIC)), "no release key of this device vouches for"),
    "release key": (with_block(BY_RELEASE, signer=list(OTHER_PUBLIC)), "the signature is not its signer's"),
    "epoch": (with_block(BY_ONLINE, epoch=EPOCH + 1), "no release key of this device vouches for"),
    "certificate": (with_block(BY_ONLINE, certificate=list(range(64))), "no release key of this device vouches for"),
    "stranger": (sign.sign(PLAIN, ONLINE, 1), "no release key of this device vouches for"),
    "self-made certificate": (
        sign.sign(PLAIN, OTHER, 1, sign.certify(ONLINE, OTHER_PUBLIC, EPOCH)),
        "no release key of this device vouches for",
    ),
    "revoked": (
        sign.sign(PLAIN, ONLINE, 1, sign.certify(RELEASE, ONLINE_PUBLIC, EPOCH - 1)),
        "signed in epoch 2, revoked here: 3 is the lowest; sign it again with a newer key",
    ),
    "cut": (BY_ONLINE[:-4], "its header says"),
}


@pytest.mark.parametrize(("module", "reason"), REFUSED.values(), ids=REFUSED)
def test_forged_modules_say_why_not(unix, module, reason):
    said = refusal(unix, module)
    assert said.startswith("ValueError: module: ")
    assert reason in said


@pytest.mark.parametrize("module", [BY_RELEASE, BY_ONLINE], ids=["release", "online"])
def test_every_flipped_bit_of_header_and_signature_is_refused(unix, module):
    places = [*range(HEADER.nbytes), *range(len(module) - SIGNATURE.nbytes, len(module))]
    code = f"""
ran, module = [], bytearray({module!r})
for place in {places!r}:
    for bit in range(8):
        module[place] ^= 1 << bit
        try:
            trust.check(module)
            ran.append((place, bit))
        except ValueError:
            pass
        try:
            tinyml.Model(module, verify=False)
            ran.append((place, bit))
        except ValueError:
            pass
        module[place] ^= 1 << bit
print((ran, trust.check(module)[2]))
"""
    assert unix.answer(code) == ([], COUNTER)


def test_device_and_host_agree(unix):
    """On whole modules cut, doubled and damaged at random places."""
    import random

    chosen = random.Random(4)
    for _ in range(60):
        module = bytearray(BY_ONLINE)
        module[chosen.randrange(len(module))] ^= 1 << chosen.randrange(8)
        with pytest.raises(ModuleError):
            sign.verify(bytes(module), [RELEASE_PUBLIC], EPOCH)
        assert unix.error(f"trust.check({bytes(module)!r})").startswith("ValueError: module: ")


def test_items_wider_than_bytes_are_refused(unix):
    """Their slices are not the bytes that C reads."""
    words = struct.unpack(f"<{len(BY_ONLINE) // 4}I", BY_ONLINE)
    unix.run(f"from array import array\nx = array('I', {words!r})")
    assert "not a buffer of bytes" in unix.error("trust.check(x)")


# Keys on the device


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '{"release": [], "epoch": 0}', '{"release": ["12"], "epoch": 0}', '{"release": "ab"}'],
)
def test_damaged_keys_let_nothing_in(unix, text):
    unix.run(f"with open('bad.json', 'w') as f: f.write({text!r})")
    said = unix.error("trust.use('bad.json')")
    assert "the release keys of this device are damaged; install them with: tinymlaas keys install" in said
    assert "are damaged" in refusal(unix, BY_RELEASE)
    unix.run(f"trust.use({KEYS!r})")


def test_keys_are_read_anew_each_time(unix):
    unix.run(f"with open('k.json', 'w') as f: f.write({json.dumps(KEYS)!r})\ntrust.use('k.json')")
    assert unix.value(f"tinyml.Model({BY_RELEASE!r}).selftest()") is True
    other = sign.device_keys([OTHER_PUBLIC])
    unix.run(f"with open('k.json', 'w') as f: f.write({other!r})")
    assert "vouches for" in refusal(unix, BY_RELEASE)
    unix.run(f"trust.use({KEYS!r})")


def test_epochs_advance_and_never_go_back(unix):
    unix.run(f"with open('e.json', 'w') as f: f.write({json.dumps(KEYS)!r})\ntrust.use('e.json')")
    unix.run(f"trust.advance({EPOCH})\ntrust.advance(1)\ntrust.check({BY_ONLINE!r})")
    unix.run(f"trust.advance({EPOCH + 1})")
    assert "revoked here: 4 is the lowest" in refusal(unix, BY_ONLINE)
    assert json.loads(unix.device.read_file("e.json")) == KEYS | {"epoch": EPOCH + 1}
    assert unix.value(f"tinyml.Model({BY_RELEASE!r}).selftest()") is True
    unix.run(f"trust.use({KEYS!r})")


def test_a_new_key_file_counts_when_the_power_failed_before_it_replaced_the_old(unix):
    unix.run(f"with open('p.json.new', 'w') as f: f.write({json.dumps(KEYS)!r})\ntrust.use('p.json')")
    assert "not signed" in refusal(unix, PLAIN)
    unix.run(f"trust.use({KEYS!r})")


# Stock firmware, where the checking module is a file


def test_stock_firmware_without_the_checking_module_refuses():
    files = {f"lib/tinyml/{path.name}": path.read_bytes() for path in PACKAGE_DIR.glob("*.py")}
    files |= {"lib/_tinyml.mpy": build_natmod("x64").path.read_bytes()}
    with bench("unix", {**FILES, **files}, stock=True) as stock:
        stock.run("import sys\nsys.path.insert(0, 'lib')\nimport tinyml")
        assert stock.value("'tinyml.trust' in sys.modules") is False
        assert stock.value("tinyml.Model('plain.tml').selftest()") is True
        assert stock.value("'tinyml.trust' in sys.modules") is False  # who has no keys pays nothing
        stock.run("from tinyml import trust\ntrust.use('keys.json')")
        said = stock.error("tinyml.Model('online.tml')")
        assert said.startswith("ValueError: release keys are set, but signatures cannot be checked (no module named")
        assert said.endswith("; use: tinymlaas deploy")


@pytest.mark.parametrize("board_id", FIRMWARES)
def test_stock_firmware_checks_with_the_native_module(board_id):
    arch = board_by_name(board_id).mpy_arch
    with bench(board_id, {**FILES, "_tinyml_ed25519.mpy": build_verifier(arch).path.read_bytes()}, stock=True) as stock:
        stock.run(f"import sys\nsys.path.insert(0, {stock.folder!r})\nfrom _tinyml_ed25519 import verify")
        assert wrong_answers(stock, VECTORS + edge_cases()[-6:]) == []
        stock.run(f"x = open({stock.folder!r} + 'release.tml', 'rb').read()")
        assert stock.value(f"verify({RELEASE_PUBLIC!r}, x[-64:], b'TML module 1\\0', x[:104])") is True
        assert stock.value(f"verify({RELEASE_PUBLIC!r}, x[-64:], b'TML module 1\\0', x[:103])") is False
        stock.run(f"k, s = {RELEASE_PUBLIC!r}, x[-64:]\nimport micropython")
        stock.run(
            "micropython.heap_lock()\ntry:\n    y = verify(k, s, x, s, k)\nfinally:\n    micropython.heap_unlock()"
        )
        assert stock.value("y") is False
