# Where a module's bytes come from, and whether they stay there.

import gc

HEADER_BYTES = 104
MAGIC = b"TML\x1a"


def open_source(source):
    """Returns (buffer, in_place, name). In place: the weights are used where they lie, outside the heap."""
    if isinstance(source, str):
        return _open_file(source)
    if _misaligned(source):
        return _copy(source), False, "module"
    return source, not _in_heap(source), "module"


def _open_file(path):
    with open(path, "rb") as f:
        try:
            view = memoryview(f)  # ROMFS: the file's bytes in mapped flash
        except TypeError:
            return _read(f, path), False, path
    if _misaligned(view):
        return _copy(view), False, path
    return view, True, path


def _read(f, path):
    size = f.seek(0, 2)
    f.seek(0)
    buffer = allocate(size, path, "module")
    view = memoryview(buffer)
    done = 0
    while done < size:
        n = f.readinto(view[done:])
        if not n:
            raise OSError("%s: read %d of %d B" % (path, done, size))
        done += n
    return buffer


def _copy(view):
    buffer = allocate(len(view), "module", "aligned copy")
    buffer[:] = view
    return buffer


def allocate(size, name, what):
    """A bytearray, or a MemoryError that says what is missing."""
    gc.collect()
    try:
        return bytearray(size)
    except MemoryError:
        raise memory_error(name, what, size)


def memory_error(name, what, size):
    return MemoryError("%s: %s needs %d B, largest free block %d B" % (name, what, size, largest_free()))


def largest_free():
    """Size of the largest block that can be allocated now, by trial, to 64 B."""
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


def _misaligned(buffer):
    address = _address(buffer)
    return address is not None and address % 16 != 0


def _in_heap(buffer):
    # The heap is at most this large, so what lies further than that from something in the heap is outside it.
    address = _address(buffer)
    if address is None:
        return True
    return abs(address - _address(bytearray(16))) <= gc.mem_free() + gc.mem_alloc()
