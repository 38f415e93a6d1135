"""Every check of every operator refuses what it is there for."""

import itertools

import pytest

from tests.module.test_loader import field, patched, record_offset
from tests.support.kernels import library
from tests.support.small_module import module_with, small_module, small_remembering
from tests.support.small_wide import small_wide
from tinymlaas.ctypes_host import aligned_bytes
from tinymlaas.errors import ModuleError
from tinymlaas.planfmt import CHANNEL, RECORD_BYTES, SCALE, WIDE_CHANNEL, record_layout
from tinymlaas.unpack import unpack

SHAPE, ARENA, CONSTANTS = "shapes do not fit together", "reaches outside the arena", "reaches outside the constants"
QUANTISATION, OVERLAP, WORK = "out of range", "operands overlap", "too many operations"

WINDOW_FAULTS = [
    *((name, 0, SHAPE) for name in ("in_h", "in_w", "in_c", "out_h", "out_w", "out_c", "filter_h", "filter_w")),
    *((name, 0, SHAPE) for name in ("stride_h", "stride_w", "dilation_h", "dilation_w")),
    *((name, 60000, SHAPE) for name in ("pad_top", "pad_left", "out_h", "out_w")),
    ("in_h", 60000, ARENA),
    ("in_w", 60000, ARENA),
    ("input", 1 << 20, ARENA),
]
WEIGHTED_FAULTS = [
    ("weights", 0, CONSTANTS),
    ("weights", 0xFFFFFFF0, CONSTANTS),
    ("channels", 0, CONSTANTS),
    ("channels", 0xFFFFFFFC, CONSTANTS),
    ("scratch", 1 << 20, ARENA),
    ("aux", 16, CONSTANTS),
    ("aux_bytes", 16, CONSTANTS),
]
POOL_FAULTS = [
    *WINDOW_FAULTS,
    ("out_c", 5, SHAPE),
    ("dilation_h", 2, SHAPE),
    ("dilation_w", 2, SHAPE),
    ("filter_h", 60000, SHAPE),
]
FAULTS = {
    "CONV_2D": [
        *WINDOW_FAULTS,
        *WEIGHTED_FAULTS,
        ("stride_h", 255, SHAPE),
        ("stride_w", 255, SHAPE),
        ("scratch_bytes", 17, SHAPE),
        ("filter_h", 60000, SHAPE),
    ],
    "DEPTHWISE_CONV_2D": [*WINDOW_FAULTS, *WEIGHTED_FAULTS, ("in_c", 4, SHAPE)],
    "CONV_INT16": [
        *WINDOW_FAULTS,
        ("input", 1, ARENA),
        ("output", 1, ARENA),
        *((name, value, CONSTANTS) for name in ("weights", "channels") for value in (0, 2, 0xFFFFFFF0)),
        *(("filter_c", value, SHAPE) for value in (0, 3, 1)),
        ("filter_h", 60000, CONSTANTS),
        *(("sum_bytes", value, SHAPE) for value in (0, 2, 16)),
        ("act_max", -32768, QUANTISATION),
    ],
    "FULLY_CONNECTED": [
        *WEIGHTED_FAULTS,
        *((name, 0, SHAPE) for name in ("rows", "in_features", "out_features")),
        ("rows", 1 << 31, SHAPE),
        ("in_features", 10000, ARENA),
        ("out_features", 10000, ARENA),
        ("rows", 10000, ARENA),
    ],
    "AVERAGE_POOL_2D": POOL_FAULTS,
    "MAX_POOL_2D": POOL_FAULTS,
    "ADD": [
        ("count", 0, SHAPE),
        ("count", 1 << 20, ARENA),
        ("input", 1 << 20, ARENA),
        ("input2", 1 << 20, ARENA),
        *((name, 5, QUANTISATION) for name in ("multiplier1", "multiplier2", "out_multiplier")),
        *((name, -1, QUANTISATION) for name in ("multiplier1", "multiplier2", "out_multiplier")),
        *((name, 1, QUANTISATION) for name in ("shift1", "shift2", "out_shift")),
        *((name, -32, QUANTISATION) for name in ("shift1", "shift2", "out_shift")),
    ],
    "SOFTMAX": [
        ("rows", 0, SHAPE),
        ("rows", 10000, ARENA),
        ("depth", 0, SHAPE),
        ("depth", 4096, SHAPE),
        ("multiplier", 5, QUANTISATION),
        ("shift", -1, QUANTISATION),
        ("shift", 32, QUANTISATION),
        ("diff_min", 1, QUANTISATION),
        ("diff_min", -(1 << 31), QUANTISATION),
        ("shift", 31, QUANTISATION),
    ],
    "PAD": [("input", 1 << 20, ARENA)],
    "COPY": [("count", 1 << 20, ARENA), ("input", 1 << 20, ARENA)],
    "LOOKUP": [
        ("count", 1 << 20, ARENA),
        ("input", 1 << 20, ARENA),
        ("table", 0, CONSTANTS),
        ("table", 0xFFFFFFF0, CONSTANTS),
    ],
    "BINARY": [
        ("input", 1 << 20, ARENA),
        ("input2", 1 << 20, ARENA),
        ("constants", 1, CONSTANTS),
        ("constants", 2, CONSTANTS),
        ("function", 13, SHAPE),
        ("shape", 0, SHAPE),
        ("shape", 1 << 29, SHAPE),
        ("shape", 1 << 20, ARENA),
        *(
            (name, value, QUANTISATION)
            for name in ("multiplier1", "multiplier2", "out_multiplier")
            for value in (5, -1)
        ),
        *((name, value, QUANTISATION) for name in ("shift1", "shift2", "out_shift") for value in (31, -32)),
        *((name, 1, QUANTISATION) for name in ("shift1", "shift2")),
    ],
    "REDUCE": [
        ("input", 1 << 20, ARENA),
        ("count", 0, SHAPE),
        ("count", 1 << 29, SHAPE),
        ("count", 1 << 20, SHAPE),
        ("function", 5, SHAPE),
        ("multiplier", -1, QUANTISATION),
        ("shift", 31, QUANTISATION),
        ("shift", -32, QUANTISATION),
    ],
    "MOVE": [
        ("input", 1 << 20, ARENA),
        ("input", 0xFFFFFFF0, ARENA),
        ("constant", 1, CONSTANTS),
        ("count", 0, SHAPE),
        ("count", 1 << 29, SHAPE),
    ],
    "RESIZE_BILINEAR": [
        ("input", 1 << 20, ARENA),
        ("output", 1 << 20, ARENA),
        *((name, 0, SHAPE) for name in ("images", "in_h", "in_w", "channels", "out_h", "out_w")),
        *((name, 1 << 14, SHAPE) for name in ("scale_h", "scale_w", "offset_h", "offset_w")),
        *((name, -513, SHAPE) for name in ("offset_h", "offset_w")),
        ("images", 60000, ARENA),
    ],
    "BATCH_MATMUL": [
        ("input", 1 << 20, ARENA),
        ("input2", 1 << 20, ARENA),
        ("output", 1 << 20, ARENA),
        ("constants", 1, CONSTANTS),
        ("constants", 2, CONSTANTS),
        *((name, 0, SHAPE) for name in ("rows", "depth", "columns", "batch")),
        ("depth", 32769, SHAPE),
        ("rows", 1 << 29, SHAPE),
        ("rows", 1 << 20, ARENA),
        ("multiplier", 5, QUANTISATION),
        *(("shift", value, QUANTISATION) for value in (31, -32)),
    ],
    "GATHER": [
        ("input", 1 << 20, ARENA),
        ("count", 0, SHAPE),
        ("count", 1 << 27, CONSTANTS),
        ("run", 0, SHAPE),
        ("run", 1 << 20, ARENA),
        ("in_bytes", 4, SHAPE),
        ("in_bytes", 0, SHAPE),
        ("in_bytes", 1 << 20, ARENA),
        ("offsets", 0, CONSTANTS),
        ("offsets", 0xFFFFFFF0, CONSTANTS),
    ],
    "QUANTIZE": [
        ("input", 1 << 20, ARENA),
        ("input", 1, ARENA),
        ("output", 1 << 20, ARENA),
        ("count", 1 << 28, ARENA),
        *((name, value, SHAPE) for name in ("in_dtype", "out_dtype") for value in (0, 5, 255)),
        ("multiplier", 5, QUANTISATION),
        ("shift", 31, QUANTISATION),
        ("shift", -32, QUANTISATION),
    ],
    "SVDF": [
        *((name, 1 << 20, ARENA) for name in ("input", "output", "state")),
        *((name, value, CONSTANTS) for name in ("weights", "time", "bias") for value in (0, 2, 0xFFFFFFF0)),
        *((name, 0, SHAPE) for name in ("in_features", "units", "rank", "memory", "state_item")),
        ("rank", 60000, SHAPE),
        ("units", 60000, SHAPE),
        ("in_features", 60000, ARENA),
        ("memory", 60000, ARENA),
        ("state_item", 3, SHAPE),
        *((name, 5, QUANTISATION) for name in ("state_multiplier", "multiplier")),
        *((name, value, QUANTISATION) for name in ("state_shift", "shift") for value in (31, -32)),
    ],
    "LSTM": [
        *((name, 1 << 20, ARENA) for name in ("input", "output", "hidden", "cell")),
        ("cell", 1, ARENA),
        *((name, v, CONSTANTS) for name in ("weights", "bias", "scales", "table") for v in (0, 2, 0xFFFFFFF0)),
        *((name, 0, SHAPE) for name in ("steps", "in_features", "units")),
        *((name, 60000, ARENA) for name in ("steps", "in_features", "units")),
        ("multiplier", 5, QUANTISATION),
        *(("shift", value, QUANTISATION) for value in (31, -32)),
        *(("cell_exponent", value, QUANTISATION) for value in (1, -25)),
        ("clip", -1, QUANTISATION),
    ],
}


def fault_of(op: str, name: str, value: int) -> str:
    """The loader's message after one field of the first record of an operator was changed."""
    with pytest.raises(ModuleError) as caught:
        library().load(patched(record_layout(op), name, value, record_offset(op), module_with(op)))
    return str(caught.value)


@pytest.mark.parametrize(("op", "name", "value", "message"), [(op, *fault) for op in FAULTS for fault in FAULTS[op]])
def test_record_fault(op, name, value, message):
    text = fault_of(op, name, value)
    assert op in text
    assert message in text


@pytest.mark.parametrize(
    "op", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D", "AVERAGE_POOL_2D", "ADD"]
)
def test_activation_limits_in_order(op):
    layout = record_layout(op)
    names = [f.name for f in layout.fields]
    data = bytearray(small_module())
    at = record_offset(op) + layout.offsets()[names.index("act_min")]
    data[at : at + 2] = bytes([1, 0])
    with pytest.raises(ModuleError, match=QUANTISATION):
        library().load(bytes(data))


def test_window_may_reach_as_far_as_the_last_row():
    last = field("CONV_2D", "in_h") + field("CONV_2D", "pad_top")
    assert SHAPE in fault_of("CONV_2D", "out_h", last + 1)


SHRINKING = ("FULLY_CONNECTED", "MAX_POOL_2D", "AVERAGE_POOL_2D", "REDUCE")
GROWING = ("CONV_2D", "DEPTHWISE_CONV_2D", "PAD", "MOVE", "GATHER", "RESIZE_BILINEAR", "BATCH_MATMUL", "CONV_INT16")


@pytest.mark.parametrize("op", SHRINKING)
def test_output_over_input(op):
    assert OVERLAP in fault_of(op, "output", field(op, "input"))


@pytest.mark.parametrize("op", GROWING)
def test_input_over_output(op):
    assert OVERLAP in fault_of(op, "input", field(op, "output"))


def test_elements_that_reach_the_arena_by_their_strides():
    """Each stride in turn leads out of the arena, forwards and backwards."""
    layout, start = record_layout("MOVE"), record_offset("MOVE")
    starts = dict(zip((f.name for f in layout.fields), layout.offsets(), strict=True))
    reached = [i for i, n in enumerate(field("MOVE", "count")) if n > 1]
    for name in ("in_stride", "out_stride"):
        for i in reached:
            for value in (1 << 20, -(1 << 20), (1 << 31) - 1, -(1 << 31)):
                data = bytearray(small_module())
                at = start + starts[name] + 4 * i
                data[at : at + 4] = value.to_bytes(4, "little", signed=True)
                with pytest.raises(ModuleError, match=ARENA):
                    library().load(bytes(data))


def test_sums_reach_the_arena_by_their_strides():
    layout, start = record_layout("REDUCE"), record_offset("REDUCE")
    at = start + dict(zip((f.name for f in layout.fields), layout.offsets(), strict=True))["stride"]
    reached = [i for i, n in enumerate(field("REDUCE", "count")) if n > 1]
    for i in reached:
        for value in (1 << 20, 0xFFFFFFFF):
            data = bytearray(small_module())
            data[at + 4 * i : at + 4 * i + 4] = value.to_bytes(4, "little")
            with pytest.raises(ModuleError, match=f"{ARENA}|{SHAPE}"):
                library().load(bytes(data))


@pytest.mark.parametrize("op", ["ADD", "SOFTMAX", "COPY", "LOOKUP"])
def test_partly_in_place(op):
    assert OVERLAP in fault_of(op, "output", field(op, "input") + 1)
    library().load(patched(record_layout(op), "output", field(op, "input"), record_offset(op)))


@pytest.mark.parametrize(
    ("op", "a", "b"),
    [("SVDF", *pair) for pair in itertools.combinations(("input", "output", "state"), 2)]
    + [("LSTM", *pair) for pair in itertools.combinations(("input", "output", "hidden", "cell"), 2)],
)
def test_operands_of_what_remembers_are_apart(op, a, b):
    assert OVERLAP in fault_of(op, a, field(op, b))


def test_scales_of_gates():
    module = module_with("LSTM")
    for name, value in (("multiplier", 1), ("shift", 31), ("shift", -32)):
        with pytest.raises(ModuleError, match="out of range"):
            library().load(patched(SCALE, name, value, field("LSTM", "scales") + 7 * SCALE.nbytes, module))


def test_elements_of_two_bytes_lie_at_even_places():
    assert ARENA in fault_of("QUANTIZE", "input", field("QUANTIZE", "input") + 1)
    names = [name for name, _ in unpack(small_remembering()).records]
    first, last = names.index("SVDF"), len(names) - 1 - names[::-1].index("SVDF")
    wide, at = unpack(small_remembering()).records[last][1], record_offset("SVDF") + (last - first) * RECORD_BYTES
    odd = patched(record_layout("SVDF"), "state", wide["state"] + 1, at, small_remembering())
    with pytest.raises(ModuleError, match=ARENA):
        library().load(odd)


def test_only_softmax_has_a_flag():
    assert "kernel variant" in fault_of("SOFTMAX", "flags", 2)
    assert "kernel variant" in fault_of("QUANTIZE", "flags", 1)


@pytest.mark.parametrize("shift", [0, 1])
def test_softmax_to_int16_is_not_in_place_and_lies_even(shift):
    at, records = small_remembering(), unpack(small_remembering())
    index = [name for name, _ in records.records].index("SOFTMAX")
    offset = records.header["records_offset"] + (records.header["n_init"] + index) * RECORD_BYTES
    value = records.records[index][1]["input"] + shift
    with pytest.raises(ModuleError, match=ARENA if shift else OVERLAP):
        library().load(patched(record_layout("SOFTMAX"), "output", value, offset, at))


@pytest.mark.parametrize("operand", ["input", "output"])
def test_scratch_over_operand(operand):
    assert OVERLAP in fault_of("CONV_2D", "scratch", field("CONV_2D", operand))


def test_misaligned_weights():
    assert CONSTANTS in fault_of("CONV_2D", "weights", field("CONV_2D", "weights") + 2)


@pytest.mark.parametrize(
    ("name", "value"), [("multiplier", 1), ("multiplier", -(1 << 31)), ("shift", -32), ("shift", 31)]
)
def test_channel_fault_names_the_channel(name, value):
    at = field("CONV_2D", "channels") + 2 * CHANNEL.nbytes
    with pytest.raises(ModuleError, match="out of range: channel 2"):
        library().load(patched(CHANNEL, name, value, at))


def test_shifts_of_sums_of_64_bits_end_earlier():
    """The first layer of the module has sums of 32 bits, the second of 64."""
    layers = [fields for _, fields in unpack(small_wide()).records][:2]
    for fields, most in zip(layers, (30, 7), strict=True):
        at = fields["channels"] + WIDE_CHANNEL.nbytes
        library().load(patched(WIDE_CHANNEL, "shift", most, at, small_wide()))
        for name, value in (("shift", most + 1), ("shift", -32), ("multiplier", 1), ("multiplier", -(1 << 31))):
            with pytest.raises(ModuleError, match="out of range: channel 1"):
                library().load(patched(WIDE_CHANNEL, name, value, at, small_wide()))


def test_filters_with_more_weights_than_an_offset_counts():
    """Refused before the constants are looked at."""
    fields = dict.fromkeys((f.name for f in record_layout("CONV_INT16").fields), 1) | {
        "op": 20,
        "variant": 0,
        "flags": 0,
    }
    fields |= {"input": 0, "output": 8, "filter_h": 65535, "filter_w": 65535, "pad_top": 0, "pad_left": 0}
    record = record_layout("CONV_INT16").pack(fields).ljust(64, b"\0")
    assert f"{SHAPE}: {65535**2}" in library().check("CONV_INT16", record, aligned_bytes(16), 1 << 16)


def test_pad_sizes():
    """The only arrays of a record: each entry large in turn."""
    layout, start = record_layout("PAD"), record_offset("PAD")
    starts = dict(zip((f.name for f in layout.fields), layout.offsets(), strict=True))
    for name in ("in_shape", "before", "after"):
        for i in range(4):
            data = bytearray(small_module())
            at = start + starts[name] + 2 * i
            data[at : at + 2] = (60000).to_bytes(2, "little")
            with pytest.raises(ModuleError, match=f"{ARENA}|{SHAPE}|{OVERLAP}"):
                library().load(bytes(data))


def test_pad_sizes_whose_product_wraps_to_zero():
    """65536^4 is 0 mod 2^64."""
    fields = {"op": 8, "output": 16, "in_shape": [1] * 4, "before": [32768] * 4, "after": [32767] * 4}
    record = record_layout("PAD").pack(fields).ljust(64, b"\0")
    assert SHAPE in library().check("PAD", record, aligned_bytes(16), 1 << 16)


def test_pool_without_channels():
    fields = dict.fromkeys((f.name for f in record_layout("MAX_POOL_2D").fields), 1) | {"op": 5, "variant": 0}
    fields |= {"in_c": 0, "out_c": 0, "pad_top": 0, "pad_left": 0}
    record = record_layout("MAX_POOL_2D").pack(fields).ljust(64, b"\0")
    assert SHAPE in library().check("MAX_POOL_2D", record, aligned_bytes(16), 1 << 16)


def test_too_much_work():
    """A window as large as its image needs no large file to ask for endless work."""
    sizes = dict.fromkeys(("in_h", "in_w", "out_h", "out_w", "filter_h", "filter_w"), 256)
    sizes |= dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w"), 1)
    fields = {"op": 5, "output": 1 << 20, "act_max": 1, "pad_top": 128, "pad_left": 128, **sizes}
    records = [record_layout("MAX_POOL_2D").pack(fields | {"in_c": n, "out_c": n}).ljust(64, b"\0") for n in (4, 5)]
    texts = [library().check("MAX_POOL_2D", record, aligned_bytes(16), 1 << 21) for record in records]
    assert texts[0] == ""
    assert "needs too many operations: over 17179 million" in texts[1]
