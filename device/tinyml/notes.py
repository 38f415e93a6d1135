"""A small dict that survives power cuts: two files, written in turns, each with a checksum. A cut spoils at most the older one."""

import json
import os
from binascii import crc32


class Notes:
    """Values that JSON can hold, kept in BASE.0.json and BASE.1.json; those of `defaults` until something was saved."""

    def __init__(self, base, defaults):
        self._base = base
        copies = [_read(self._path(i)) for i in (0, 1)]
        counts = [copy["n"] if copy else 0 for copy in copies]
        self._newest = 1 if counts[1] > counts[0] else 0
        self._values = copies[self._newest] or merged(defaults, n=0)

    def __getitem__(self, key):
        return self._values[key]

    def save(self, **changes):
        """Changes values: all of them or, when the power fails meanwhile or OSError is raised, none."""
        values = merged(self._values, **changes)
        values["n"] += 1
        text = json.dumps(values)
        _make_folder(self._base)
        with open(self._path(1 - self._newest), "w") as f:
            f.write("%08x" % crc32(text.encode()) + text)
        self._values, self._newest = values, 1 - self._newest

    def _path(self, copy):
        return "%s.%d.json" % (self._base, copy)


def merged(values, **changes):
    """A copy of a dict with some values changed."""
    values = dict(values)
    values.update(changes)
    return values


def _read(path):
    try:
        with open(path, "rb") as f:
            text = f.read()
        if int(text[:8], 16) == crc32(text[8:]):
            return json.loads(text[8:])
    except (OSError, ValueError):  # none, or spoilt
        pass
    return None


def _make_folder(base):
    try:
        os.mkdir(base.rsplit("/", 1)[0])
    except OSError as e:
        if e.errno != 17:  # EEXIST
            raise
