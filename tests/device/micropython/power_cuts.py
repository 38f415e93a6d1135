"""Runs on MicroPython: an update on a filesystem in RAM whose power is cut at each of its writes in turn.

Arguments: files of two signed modules (version 1 and 2), the name of a story, release keys in JSON, what the flash writes at
once (bytes; 0: a card with FAT, 512). Prints one JSON line.
"""

import json
import sys
from hashlib import sha256

import vfs
from tinyml import trust
from tinyml.slots import Slots

PROG = int(sys.argv[5])
BLOCK, BLOCKS = (4096, 24) if PROG else (512, 192)
FOLDER = "/flash/models"
ERASED = b"\xff" * BLOCK


class PowerCut(BaseException):
    pass


class Flash:
    """NOR flash in RAM, or a card. After `left` writes or erases the power is gone: the last one is done in part, or not at all."""

    def __init__(self, image, left=None, torn=False):
        self.image, self.left, self.torn, self.writes = image, left, torn, 0

    def readblocks(self, block, buffer, offset=0):
        if not self.dead():
            at = block * BLOCK + offset
            buffer[:] = memoryview(self.image)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        self._put(block * BLOCK + offset, buffer)

    def ioctl(self, op, arg):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if op == 6:
            self._put(arg * BLOCK, ERASED)
        return 0

    def dead(self):
        return self.left is not None and self.writes > self.left

    def _put(self, at, data):
        if self.dead():  # the collector closes files that the cut left open
            return
        self.writes += 1
        if self.dead():
            half = len(data) // 2 if self.torn else 0
            self.image[at : at + half] = data[:half]
            raise PowerCut
        self.image[at : at + len(data)] = data


def blank():
    """An image with an empty filesystem."""
    image = bytearray(b"\xff" * BLOCK * BLOCKS)
    if PROG:
        vfs.VfsLfs2.mkfs(Flash(image), readsize=32, progsize=PROG)
    else:
        vfs.VfsFat.mkfs(Flash(image))
    return image


def mounted(flash):
    try:
        vfs.umount("/flash")
    except OSError:
        pass
    vfs.mount(vfs.VfsLfs2(flash, readsize=32, progsize=PROG) if PROG else vfs.VfsFat(flash), "/flash")


def read(path):
    with open(path, "rb") as f:
        return f.read()


def install(slots, module, version):
    """What a client does, from wherever it was."""
    at = slots.begin(hexadecimal(module), len(module), version)
    while at < len(module):
        at = slots.write(module[at : at + 700])
    slots.check()
    assert slots.test()["selftest"]
    slots.switch()
    slots.confirm(feedback=version)


def hexadecimal(module):
    return "".join("%02x" % b for b in sha256(module).digest())


def slots():
    return Slots("digits", FOLDER, initial=sys.argv[1] if sys.argv[3] == "first" else None)


# Stories: what the device was before, and what it does when the power is cut


def update(old, new):
    s = slots()
    assert s.model
    install(s, new, 2)


first = second = update  # on a device that has only its initial module, or had one installed


def refused(old, new):
    s = slots()
    at = s.begin(hexadecimal(new), len(new), 2)
    while at < len(new):
        at = s.write(new[at : at + 700])
    s.check()
    s.test()
    s.switch()
    s.revert("the app did not like it", feedback="failed")


def replaced(old, new):
    s = slots()
    s.begin("0" * 64, len(new), 5)
    s.write(new[:5000])
    install(slots(), new, 2)


def before(old):
    image = blank()
    if sys.argv[3] != "first":
        mounted(Flash(image))
        install(slots(), old, 1)
        vfs.umount("/flash")
    return image


def cut(image, story, old, new, left, torn):
    """The story with so many writes; True when it came to its end."""
    flash = Flash(image, left, torn)
    try:
        mounted(flash)
        story(old, new)
        return True
    except (PowerCut, OSError):  # OSError: from closing files on a dead flash
        if not flash.dead():
            raise
        return False


def boots(image, story, old, new, done):
    """After a cut: something runs and passes its self-test, and the update can be completed."""
    mounted(Flash(image))
    s = slots()
    assert s.model is not None, s.error
    assert s.model.selftest()
    versions = (1,) if story == refused else (2,) if done else (1, 2)
    assert s.version in versions, s.version
    assert (s.notes.get("feedback") == 2) == (s.version == 2), s.notes  # told in the same write
    assert not done or s.notes["feedback"] == ("failed" if story == refused else 2)
    install(s, new, 2)
    s = slots()
    assert s.model.selftest()
    assert (s.version, s.next) == (2, None)
    vfs.umount("/flash")


def main():
    old, new = read(sys.argv[1]), read(sys.argv[2])
    story = globals()[sys.argv[3]]
    trust.use(json.loads(sys.argv[4]))
    start = before(old)
    points = again = left = 0
    done = False
    while not done:
        for torn in (False, True):
            image = bytearray(start)
            done = cut(image, story, old, new, left, torn)
            middle = bytearray(image)
            boots(image, story, old, new, done)
            points += not done
            # The power fails a second time, somewhere in what follows the first.
            second_left = (left * 7 + 3) % 60
            cut(middle, story if story != replaced else update, old, new, second_left, torn)
            boots(middle, story, old, new, False)
            again += 1
        left += 1
    print(json.dumps({"points": points, "twice": again}))


main()
