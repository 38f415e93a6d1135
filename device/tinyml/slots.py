"""Two places for the module of a model: one runs, the other takes a new one and proves it. No power cut leaves neither."""

import gc
import os
import struct
from time import ticks_diff, ticks_us

from .model import Model
from .notes import Notes, merged
from .source import HEADER_BYTES, may_have_keys

FOLDER = "/tinyml_models"  # not "/tinyml": `import tinyml` would find that folder instead of the package
_SYNC_BYTES = 4096  # so much of a download may be lost with the power
_TRIES = 3
_NOTHING = {"run": None, "floor": 0, "slots": [None, None], "next": None, "notes": {}}


class Damaged(ValueError):
    """A download that is not what it should be; it was deleted."""


class Slots:
    """The two places of the model `name`. initial: path of a module to run until one was installed here."""

    def __init__(self, name, folder=FOLDER, initial=None):
        if not name or "/" in name:
            raise ValueError("'%s' is no name of a model: it has at least one character and no /" % name)
        self.name = name
        self.error = ""  # why the module that should run does not, or why the last one was not taken
        self._base, self._initial = folder + "/" + name, initial
        self._state = Notes(self._base, _NOTHING)
        self._running = self._model = None  # _running: (slot, path, what is known of it)
        self._file = None
        self._drop()

    # What runs

    @property
    def model(self):
        """The model to run now; None when there is none that loads, then `error` says why. Loaded at first use."""
        if self._model is None:
            self._load_best()
        return self._model

    @property
    def path(self):
        """Of the module to run now; None when there is none."""
        running = self._now()
        return running and running[1]

    @property
    def version(self):
        """Of the module to run now: the number that it was installed under, else its release counter; 0 when there is none."""
        running = self._now()
        if running is None:
            return 0
        return running[2]["version"] if running[2] else _counter(running[1])

    @property
    def sha256(self):
        """Of the module to run now, in hex; None when it was not installed here."""
        running = self._now()
        return running and running[2] and running[2]["sha256"]

    @property
    def next(self):
        """{sha256, size, version, tries} of the module that is on its way; None when there is none."""
        return self._state["next"]

    @property
    def floor(self):
        """With release keys: the lowest release counter that may still run. It never falls."""
        return self._state["floor"]

    def room(self):
        """Bytes that a new module may have on the filesystem."""
        return flash_free(self._base.rsplit("/", 1)[0]) + _size(self._spare_path())

    def _now(self):
        if self._running is None:
            for candidate in self._candidates():
                return candidate
        return self._running

    def _candidates(self):
        # What may run, best first: what was confirmed last, the one before it, the initial one.
        run, records = self._state["run"], self._state["slots"]
        found = [] if run is None else [(i, self._slot_path(i), records[i]) for i in (run, 1 - run) if records[i]]
        return found + ([(None, self._initial, None)] if self._initial else [])

    def _load_best(self):
        self._running = None
        for candidate in self._candidates():
            self._model = self._load(candidate[1])
            if self._model is not None:
                self._running = candidate
                return

    def _load(self, path):
        try:
            self._not_older(path, self.floor)
            return Model(path)
        except (OSError, ValueError, MemoryError) as e:
            self.error = _text(e)
        gc.collect()
        return None

    # What is new

    def begin(self, sha256, size, version):
        """A new module is to come; returns how many of its bytes are here already. Forgets any other that was on its way.

        OSError when the filesystem has no room for it beside the one that runs.
        """
        if len(sha256) != 64 or size < HEADER_BYTES:
            raise ValueError("%s: a module of %d B with SHA-256 '%s' cannot be" % (self.name, size, sha256))
        if self._old is not None:
            self.revert("another module is to come")
        self._drop()
        spare, known = self._spare_path(), self.next
        if known and (known["sha256"], known["size"]) == (sha256, size):
            done = _size(spare)
            if done <= size:
                return done
        self._clear()
        if size + 2 * _SYNC_BYTES > self.room():
            numbers = self.name, size, self.room()
            raise OSError(28, "%s: module needs %d B and 8192 B for notes, the filesystem has %d B free" % numbers)
        self._state.save(next={"sha256": sha256, "size": size, "version": version, "tries": 0})
        return 0

    def write(self, buffer):
        """The bytes that follow; returns how many there are now. ValueError when they are more than was said."""
        if self.next is None:
            raise ValueError("%s: begin() comes before write()" % self.name)
        if self._file is None:
            self._file = open(self._spare_path(), "ab")
            self._done = self._file.seek(0, 2)
        done, size = self._done + len(buffer), self.next["size"]
        if done > size:
            raise ValueError("%s: %d B came, the module has %d" % (self.name, done, size))
        if self._file.write(buffer) != len(buffer):
            raise OSError(28, "%s: the filesystem is full after %d of %d B" % (self.name, self._done, size))
        if done // _SYNC_BYTES != self._done // _SYNC_BYTES or done == size:
            self._file.flush()
        self._done = done
        return done

    def pause(self):
        """Puts what was written into the filesystem, so that no power cut loses it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def check(self):
        """Length, SHA-256, signature, release counter, name, and whether it loads beside the one that runs.

        ValueError, OSError or MemoryError with the reason; a Damaged download is deleted, so that begin() starts it anew.
        """
        for _ in self.checking():
            pass

    def checking(self):
        """check() as a generator, so that inference can go on meanwhile."""
        if self.next is None:
            raise ValueError("%s: begin() and write() come before check()" % self.name)
        self._drop()
        path, size = self._spare_path(), self.next["size"]
        done = _size(path)
        if done != size:
            raise ValueError("%s: %d of %d B are here: the download goes on there" % (self.name, done, size))
        found = yield from _sha256(path)
        if found != self.next["sha256"]:
            _remove(path)
            raise Damaged("%s: SHA-256 is %s, not %s: damaged on its way" % (self.name, found, self.next["sha256"]))
        if self._model is None:
            self._load_best()  # what runs must be in memory beside it
        fresh = Model(path)
        if fresh.metadata.get("name") != self.name:
            raise ValueError("%s: this is a module of %s" % (self.name, fresh.metadata.get("name")))
        self._not_older(path, max(self.floor, self._trusted_counter()))
        self._fresh = fresh

    def test(self):
        """Runs the new module's own test vectors: {selftest: bool, inference_us, heap_free: while both are loaded}.

        ValueError when three tests of it ended in a reset, or when it has no vectors.
        """
        if self._fresh is None:
            raise ValueError("%s: check() comes before test()" % self.name)
        tries = self.next["tries"]
        if tries >= _TRIES:
            raise ValueError("%s: %d tests of it ended in a reset" % (self.name, tries))
        self._state.save(next=merged(self.next, tries=tries + 1))
        self._passed = self._fresh.selftest()
        took = _time(self._fresh)
        gc.collect()
        return {"selftest": self._passed, "inference_us": took, "heap_free": gc.mem_free()}

    def switch(self):
        """From now on `model` is the new one. Until confirm() a reset brings the old one back."""
        if not self._passed:
            raise ValueError("%s: its self-test has not passed, so it does not run" % self.name)
        if self._old is None:
            self._old = self._running, self._model
            self._running, self._model = (self._spare(), self._spare_path(), self.next), self._fresh

    def confirm(self, **notes):
        """It runs also after the next reset, and older ones never again where release keys are set. Takes notes as note() does."""
        if self._old is None:
            raise ValueError("%s: switch() comes before confirm()" % self.name)
        slot, _, record = self._running
        records = list(self._state["slots"])
        records[slot] = {key: record[key] for key in ("sha256", "size", "version")}
        floor = max(self.floor, self._trusted_counter())
        notes = merged(self.notes, **notes)
        self._state.save(run=slot, slots=records, floor=floor, next=None, notes=notes)
        self._running = slot, self._running[1], records[slot]
        self.error = ""
        self._drop()

    def revert(self, reason, **notes):
        """Back to the old one at once; the new one is deleted. Takes notes as note() does."""
        if self._old is not None:
            self._running, self._model = self._old
        self._drop()
        self.error = reason
        self._state.save(next=None, notes=merged(self.notes, **notes))
        if not self._state["slots"][self._spare()]:
            _remove(self._spare_path())

    # What must not be forgotten

    @property
    def notes(self):
        """What note(), confirm() and revert() were given: {name: value}."""
        return self._state["notes"]

    def note(self, **notes):
        """Keeps values that JSON can hold; they survive a reset."""
        self._state.save(notes=merged(self.notes, **notes))

    def _clear(self):
        # Nobody counts on the spare place when its file goes.
        records = list(self._state["slots"])
        records[self._spare()] = None
        if self.next or records != self._state["slots"]:
            self._state.save(next=None, slots=records)
        _remove(self._spare_path())

    def _drop(self):
        # What this run of the program knows of the new module.
        self.pause()
        self._fresh = self._old = None
        self._passed = False

    def _trusted_counter(self):
        running = self._now()
        return _counter(running[1]) if running and _has_keys() else 0

    def _not_older(self, path, floor):
        # What has no signature is refused by Model, in better words.
        if floor and _has_keys() and _is_signed(path) and _counter(path) < floor:
            raise ValueError(
                "%s: release counter %d is older than %d, refused; release it again" % (path, _counter(path), floor)
            )

    def _spare(self):
        return 0 if self._state["run"] is None else 1 - self._state["run"]

    def _spare_path(self):
        return self._slot_path(self._spare())

    def _slot_path(self, slot):
        return "%s.%d.tml" % (self._base, slot)


def _size(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return 0


def _remove(path):
    try:
        os.remove(path)
    except OSError as e:
        if e.errno != 2:  # ENOENT
            raise


def flash_free(folder):
    """Bytes free on the filesystem of a folder."""
    try:
        found = os.statvfs(folder)
    except OSError:  # the folder is not there yet
        found = os.statvfs("/")
    return found[0] * found[4] if not found[1] else found[1] * found[4]


def _sha256(path):
    from hashlib import sha256

    summed, view = sha256(), memoryview(bytearray(512))
    with open(path, "rb") as f:
        n = f.readinto(view)
        while n:
            summed.update(view[:n])
            yield
            n = f.readinto(view)
    return "".join("%02x" % b for b in summed.digest())


def _place(path):
    # (where the signature lies or 0, release counter or 0), unchecked.
    try:
        with open(path, "rb") as f:
            head = f.read(HEADER_BYTES)
    except OSError:
        head = b""
    return struct.unpack_from("<II", head, 64) if len(head) == HEADER_BYTES else (0, 0)


def _is_signed(path):
    return bool(_place(path)[0])


def _counter(path):
    return _place(path)[1]


def _has_keys():
    if not may_have_keys():
        return False
    from .trust import fingerprints

    return bool(fingerprints())


def _time(model):
    # The shortest of three runs, or of fewer where they are long; inputs are whatever the self-test left.
    best, total = None, 0
    for _ in range(3):
        began = ticks_us()
        model.run()
        took = ticks_diff(ticks_us(), began)
        best, total = took if best is None else min(best, took), total + took
        if total > 500_000:
            break
    return best


def _text(error):
    return str(error) or type(error).__name__
