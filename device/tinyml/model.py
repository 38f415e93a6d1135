import struct
from time import ticks_us

from .quant import dequantize, quantize_into
from .source import HEADER_BYTES, may_have_keys, memory_error, native, not_a_module, open_source

_tinyml = native()

_DTYPES = {1: "int8", 2: "uint8", 3: "int16", 4: "int32", 5: "float32", 6: "bool"}
_TENSOR_BYTES = 44
_TARGETS = ("any", "m0plus", "m3", "m4", "rv32", "x64")


class Model:
    """An inference module: a path (.tml) or any buffer, whose bytes must then stay unchanged.

    inputs, outputs: typed views into the arena. Write the inputs before each run(): the arena is shared by all
    activations, so a run overwrites them. verify: compare the SHA-256 of the file before anything is used. A device with
    release keys (tinyml.trust) always does, and takes only modules that they answer for.
    """

    def __init__(self, source, verify=True):
        self._buffer, self.weights_in_place, name = open_source(source)
        self.module_bytes = len(self._buffer)
        self.arena_bytes, n_inputs, n_outputs, self.n_selftests, offset = _header(self._buffer, name)
        if not _is_signed(self._buffer, name) and verify:
            _verify(self._buffer, name)
        self._native = self._load(name)
        self._metadata = None
        self._task = None  # of arun(): its token
        views = [self._native.tensor(i) for i in range(n_inputs + n_outputs)]
        tensors = [_tensor(self._buffer, offset + i * _TENSOR_BYTES) for i in range(n_inputs + n_outputs)]
        self.inputs, self.outputs = tuple(views[:n_inputs]), tuple(views[n_inputs:])
        self.input_dtype, self.input_scale, self.input_zero_point, self.input_shape = zip(*tensors[:n_inputs])
        self.output_dtype, self.output_scale, self.output_zero_point, self.output_shape = zip(*tensors[n_inputs:])

    def _load(self, name):
        try:
            return _tinyml.Model(self._buffer)
        except MemoryError:
            beside = "" if self.weights_in_place else "; its %d B would stay in flash in ROMFS" % self.module_bytes
            raise memory_error(name, "arena needs", self.arena_bytes, beside)
        except ValueError as e:
            raise ValueError("%s: %s" % (name, e))

    @property
    def ram(self):
        """Bytes of heap for the arena and, unless they are used in place, for the module's weights."""
        return self.arena_bytes + (0 if self.weights_in_place else self.module_bytes)

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

    def run(self):
        """Inputs to outputs. Allocates nothing."""
        self._task = None
        self._native.run()

    def step(self, budget_us):
        """Part of an inference, for about budget_us microseconds; True when it is done, else call it again."""
        self._task = None
        return self._native.step(ticks_us, budget_us)

    async def arun(self, budget_us=2000):
        """As run(), while other asyncio tasks go on: at most about budget_us at a time without them."""
        from asyncio import sleep_ms

        self._native.restart()
        mine = self._task = object()
        try:
            while not self._native.step(ticks_us, budget_us):
                await sleep_ms(0)
                if self._task is not mine:
                    raise RuntimeError("another inference of this model began during arun()")
        finally:
            if self._task is mine:  # also when cancelled
                self._native.restart()

    def profile(self, clock=None, unit="us"):
        """Time of each layer: a list of (operator, time) that prints as a table. Overwrites the inputs."""
        from .profile import profile

        self._task = None
        return profile(self._native, self._buffer, clock, unit)

    def predict(self, inputs):
        """Real numbers in, real numbers out: a list with one (nested) sequence per input; returns one flat list per output."""
        if len(inputs) != len(self.inputs):
            how = "predict() takes a list of %d inputs, got %d; for one input write predict([x])"
            raise ValueError(how % (len(self.inputs), len(inputs)))
        for i, values in enumerate(inputs):
            quantize_into(self.inputs[i], values, self.input_dtype[i], self.input_scale[i], self.input_zero_point[i])
        self.run()
        return [self._real(i) for i in range(len(self.outputs))]

    def _real(self, i):
        return dequantize(self.outputs[i], self.output_dtype[i], self.output_scale[i], self.output_zero_point[i])

    def top(self, k=1, output=0):
        """The k largest values of an output after run(), as (label, real value), largest first; equal ones in order of their number."""
        raw, labels, best = self.outputs[output], self.labels, []
        for _ in range(min(k, len(raw))):  # k passes rather than a sort: no memory for a thousand classes
            best.append(max((i for i in range(len(raw)) if i not in best), key=lambda i: raw[i]))
        scale, zero_point = self.output_scale[output] or 1, self.output_zero_point[output]
        return [(labels[i] if i < len(labels) else str(i), scale * (raw[i] - zero_point)) for i in best]

    def selftest(self):
        """Runs the module's own test vectors; True when every output byte is as the compiler computed it. Overwrites the inputs."""
        if not self.n_selftests:
            raise ValueError("the module has no self-test vectors")
        self._task = None
        return all(self._native.selftest(i) == 0 for i in range(self.n_selftests))

    def reset(self):
        """Forgets what a stateful model remembers between runs, and an inference that step() began."""
        self._task = None
        self._native.reset()

    def get_state(self):
        """What a stateful model remembers between runs, as bytes for set_state(); empty for one that remembers nothing."""
        return bytes(self._native.state())

    def set_state(self, state):
        """Goes on where get_state() of the same module was called."""
        view = self._native.state()
        if len(state) != len(view):
            raise ValueError("state has %d bytes, this module's has %d" % (len(state), len(view)))
        self._native.restart()
        view[:] = state

    def __repr__(self):
        shape = "x".join(str(d) for d in self.input_shape[0][1:] or self.input_shape[0])
        where = "in place" if self.weights_in_place else "in RAM"
        name = self.metadata.get("name", "?")
        sizes = (name, shape, self.input_dtype[0], len(self.outputs[0]), self.arena_bytes / 1024, where)
        return "<Model %s %s %s -> %d  arena %.1f KB  weights %s>" % sizes


def _header(buffer, name):
    # What Python needs of the header; the native loader checks everything else.
    if len(buffer) < HEADER_BYTES:
        raise not_a_module(name)
    fields = struct.unpack_from("<4sHHIH2xI4xBBB5xI", buffer, 0)
    magic, version, _, size, target, arena_bytes, n_inputs, n_outputs, n_selftests, tensors_offset = fields
    if magic != b"TML\x1a":
        raise not_a_module(name)
    if version != _tinyml.FORMAT_VERSION:
        numbers = (name, version, _tinyml.FORMAT_VERSION)
        raise ValueError(
            "%s: module format %d, this tinyml reads %d: convert the model again or update tinyml" % numbers
        )
    if size != len(buffer):
        numbers = (name, len(buffer), size)
        raise ValueError("%s: %d B, its header says %d: cut short or extended, upload it again" % numbers)
    _check_target(target, name)
    return arena_bytes, n_inputs, n_outputs, n_selftests, tensors_offset


def _check_target(target, name):
    mine = _tinyml.target()
    if target != 0 and target != _TARGETS.index(mine):
        made_for = _TARGETS[target] if target < len(_TARGETS) else target
        how = "tinymlaas convert --target %s" % mine
        raise ValueError("%s: made for kernel target %s, this board runs %s; use: %s" % (name, made_for, mine, how))


def _is_signed(buffer, name):
    # False when this device has no release keys; True when they answer for the module; else ValueError.
    if not may_have_keys():
        return False
    from .trust import guard

    return guard(buffer, name)


def _verify(buffer, name):
    try:
        from hashlib import sha256
    except ImportError:
        return
    view = memoryview(buffer)
    end = struct.unpack_from("<I", buffer, 64)[0] or len(view)
    if sha256(view[HEADER_BYTES:end]).digest() != bytes(view[72:HEADER_BYTES]):
        raise ValueError("%s: SHA-256 does not match: the file is damaged, upload it again" % name)


def _tensor(buffer, offset):
    dtype, rank, zero_point, scale = struct.unpack_from("<BB2xif", buffer, offset + 8)
    shape = struct.unpack_from("<%dI" % rank, buffer, offset + 20)
    return _DTYPES[dtype], scale, zero_point, shape
