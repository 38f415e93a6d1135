import struct

import _tinyml

from .quant import dequantize, quantize_into
from .source import HEADER_BYTES, MAGIC, memory_error, open_source

_DTYPES = {1: "int8", 2: "uint8", 3: "int16", 4: "int32", 5: "float32", 6: "bool"}
_TENSOR_BYTES = 44
_TARGETS = ("any", "m0plus", "m3", "m4", "rv32", "x64")


class Model:
    """An inference module: a path (.tml) or any buffer, whose bytes must then stay unchanged.

    inputs, outputs: typed views into the arena. Write the inputs before each run(): the arena is shared by all
    activations, so a run overwrites them. verify: compare the SHA-256 of the file before anything is used.
    """

    def __init__(self, source, verify=True):
        buffer, self.weights_in_place, name = open_source(source)
        self._buffer = buffer
        header = _header(buffer, name)
        if verify:
            self._verify(name)
        self._native = _load(buffer, name, header)
        n_inputs, n_outputs, self.n_selftests = buffer[24], buffer[25], buffer[26]
        tensors = [_tensor(buffer, header[0] + i * _TENSOR_BYTES) for i in range(n_inputs + n_outputs)]
        views = [self._native.tensor(i) for i in range(len(tensors))]
        self.inputs, self.outputs = tuple(views[:n_inputs]), tuple(views[n_inputs:])
        self.input_dtype, self.input_scale, self.input_zero_point, self.input_shape = zip(*tensors[:n_inputs])
        self.output_dtype, self.output_scale, self.output_zero_point, self.output_shape = zip(*tensors[n_inputs:])
        self.arena_bytes = header[1]
        self.module_bytes = len(buffer)
        self.ram = self.arena_bytes + (0 if self.weights_in_place else self.module_bytes)
        self.run = self._native.run
        self._metadata = None

    def _verify(self, name):
        try:
            from hashlib import sha256
        except ImportError:
            return
        view = memoryview(self._buffer)
        end = _u32(self._buffer, 64) or len(view)
        if sha256(view[HEADER_BYTES:end]).digest() != bytes(view[72:HEADER_BYTES]):
            raise ValueError("%s: SHA-256 does not match: the file is damaged, upload it again" % name)

    @property
    def metadata(self):
        """Name, labels, tensor names, provenance."""
        if self._metadata is None:
            import json

            start, size = struct.unpack_from("<II", self._buffer, 56)
            self._metadata = json.loads(bytes(memoryview(self._buffer)[start : start + size])) if size else {}
        return self._metadata

    @property
    def labels(self):
        """Names of the classes; their numbers where the module has no labels."""
        return self.metadata.get("labels") or [str(i) for i in range(len(self.outputs[0]))]

    def predict(self, inputs):
        """Real numbers in, real numbers out: a list with one (nested) sequence per input; returns one flat list per output."""
        if len(inputs) != len(self.inputs):
            raise ValueError("model takes %d inputs, got %d" % (len(self.inputs), len(inputs)))
        for i, values in enumerate(inputs):
            quantize_into(self.inputs[i], values, self.input_dtype[i], self.input_scale[i], self.input_zero_point[i])
        self.run()
        return [self._real(i) for i in range(len(self.outputs))]

    def _real(self, i):
        return dequantize(self.outputs[i], self.output_dtype[i], self.output_scale[i], self.output_zero_point[i])

    def top(self, k=1, output=0):
        """The k largest values of an output after run(), as (label, real value), largest first; equal ones in order of their number."""
        raw, labels = self.outputs[output], self.labels
        best = sorted(range(len(raw)), key=lambda i: (-raw[i], i))[:k]
        scale, zero_point = self.output_scale[output] or 1, self.output_zero_point[output]
        return [(labels[i] if i < len(labels) else str(i), scale * (raw[i] - zero_point)) for i in best]

    def selftest(self):
        """Runs the module's own test vectors; True when every output byte is as the compiler computed it. Overwrites the inputs."""
        return all(self._native.selftest(i) == 0 for i in range(self.n_selftests))

    def reset(self):
        """Forgets what a stateful model remembers between runs; these models remember nothing."""

    def __repr__(self):
        shape = "x".join(str(d) for d in self.input_shape[0][1:] or self.input_shape[0])
        where = "in place" if self.weights_in_place else "in RAM"
        name = self.metadata.get("name", "?")
        sizes = (name, shape, self.input_dtype[0], len(self.outputs[0]), self.arena_bytes / 1024, where)
        return "<Model %s %s %s -> %d  arena %.1f KB  weights %s>" % sizes


def _u32(buffer, offset):
    return struct.unpack_from("<I", buffer, offset)[0]


def _header(buffer, name):
    # (offset of the tensors, arena bytes); the native loader checks everything else
    if len(buffer) < HEADER_BYTES or bytes(memoryview(buffer)[:4]) != MAGIC:
        raise ValueError("%s: not a tinyml module; make one with: tinymlaas convert MODEL.tflite -o MODEL.tml" % name)
    size, target = struct.unpack_from("<IH", buffer, 8)
    if size != len(buffer):
        raise ValueError("%s: %d B, its header says %d: cut short or extended, upload it again" % (name, len(buffer), size))
    mine = _tinyml.target()
    if target != 0 and _TARGETS.index(mine) != target:
        made_for = _TARGETS[target] if target < len(_TARGETS) else target
        how = "tinymlaas convert --target %s" % mine
        raise ValueError("%s: made for kernel target %s, this board runs %s; use: %s" % (name, made_for, mine, how))
    return _u32(buffer, 32), _u32(buffer, 16)


def _load(buffer, name, header):
    try:
        return _tinyml.Model(buffer)
    except MemoryError:
        raise memory_error(name, "arena", header[1])
    except ValueError as e:
        raise ValueError("%s: %s" % (name, e))


def _tensor(buffer, offset):
    dtype, rank, _, zero_point = struct.unpack_from("<BBHi", buffer, offset + 8)
    scale = struct.unpack_from("<f", buffer, offset + 16)[0]
    shape = struct.unpack_from("<%dI" % rank, buffer, offset + 20)
    return _DTYPES[dtype], scale, zero_point, shape
