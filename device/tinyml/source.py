# Where a module's bytes come from, and whether they stay there.

import gc
import sys

HEADER_BYTES = 104
KEYS_PATH = "/tinyml_keys.json"
_ALIGN = 16  # of a module in memory


def native():
    """The C module: in the firmware, or a file for this processor."""
    try:
        import _tinyml

        return _tinyml
    except ImportError as e:
        raise ImportError("%s: this firmware has no _tinyml; install it with: tinymlaas deploy" % e)
    except ValueError as e:
        raise ImportError("_tinyml.mpy is for another processor or MicroPython (%s); use: tinymlaas deploy" % e)


def open_keys(path=KEYS_PATH):
    """The file of the release keys, open; None when there is none. Until it has replaced the old one, a new one ends in .new."""
    for name in (path, path + ".new"):
        try:
            return open(name)
        except OSError as e:
            if e.errno not in (2, 19):  # ENOENT, ENODEV: no such file, no filesystem
                raise
    return None


def may_have_keys():
    """False when this device has no release keys: then tinyml.trust need not be loaded, which would cost memory."""
    if "tinyml.trust" in sys.modules:
        return True
    f = open_keys()
    if f:
        f.close()
    return f is not None


def open_source(source):
    """Returns (buffer, in_place, name). In place: the weights are used where they lie, outside the heap."""
    if isinstance(source, str):
        return _open_file(source)
    if _misalignment(source):
        return _copy(source, "module"), False, "module"
    return source, not _in_heap(source), "module"


def _open_file(path):
    try:
        f = open(path, "rb")
    except OSError as e:
        raise OSError(e.errno, path)
    with f:
        try:
            view = memoryview(f)  # ROMFS: the file's bytes in mapped flash
        except TypeError:
            return _read(f, path), False, path
    if _misalignment(view):
        return _copy(view, path), False, path
    return view, True, path


def _read(f, path):
    # Nothing is allocated for a file that is no module.
    head = f.read(HEADER_BYTES)
    if head[:4] != b"TML\x1a":
        raise not_a_module(path)
    size = f.seek(0, 2)
    f.seek(0)
    buffer = _allocate(size, path, "module needs", "; put it in ROMFS, where it runs in place, or use a smaller model")
    view = memoryview(buffer)
    done = 0
    while done < size:
        n = f.readinto(view[done:])
        if not n:
            raise OSError("%s: read %d of %d B" % (path, done, size))
        done += n
    return buffer


def _copy(view, name):
    what = "lies misaligned, %d B past a multiple of %d, and a copy needs" % (_misalignment(view), _ALIGN)
    buffer = _allocate(len(view), name, what, "; put it there with: tinymlaas deploy, which aligns it")
    buffer[:] = view
    return buffer


def _allocate(size, name, what, remedy):
    gc.collect()
    try:
        return bytearray(size)
    except MemoryError:
        pass
    raise memory_error(name, what, size, remedy)


def not_a_module(name):
    return ValueError("%s: not a tinyml module; make one with: tinymlaas convert MODEL.tflite -o MODEL.tml" % name)


def memory_error(name, what, size, remedy=""):
    """A MemoryError that says what is missing."""
    return MemoryError("%s: %s %d B, largest free block %d B%s" % (name, what, size, largest_free(), remedy))


def largest_free():
    # By trial, to 64 B.
    gc.collect()
    low, high = 0, gc.mem_free()
    while high - low > 64:
        middle = (low + high) // 2
        try:
            bytearray(middle)
            low = middle
        except MemoryError:
            high = middle
        gc.collect()
    return low


def _address(buffer):
    try:
        from uctypes import addressof
    except ImportError:
        return None
    return addressof(buffer)


def _misalignment(buffer):
    # Unknown without uctypes: then the native loader refuses.
    return (_address(buffer) or 0) % _ALIGN


def _in_heap(buffer):
    # The heap is at most this large, so what lies further than that from something in the heap is outside it.
    address = _address(buffer)
    if address is None:
        return True
    return abs(address - _address(bytearray(_ALIGN))) <= gc.mem_free() + gc.mem_alloc()
