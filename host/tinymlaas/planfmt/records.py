"""The layouts of records: what each kernel is told."""

from .layout import Field, Layout
from .numbers import BINARY_FUNCTIONS, REDUCE_FUNCTIONS


def _listed(functions: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in functions.items())


HEAD = (
    Field("op", "u8", "operator code"),
    Field("variant", "u8", "kernel and constant layout chosen by the compiler; 0 = plain"),
    Field("flags", "u16", "operator-specific; zero where none are defined"),
    Field("input", "u32", "arena offset of the input"),
    Field("output", "u32", "arena offset of the output"),
)
_WEIGHTED = (
    Field("weights", "u32", "file offset of the weights"),
    Field("channels", "u32", "file offset of the `channel` stream"),
    Field("scratch", "u32", "arena offset of the scratch"),
    Field("scratch_bytes", "u32", "size of the scratch"),
)
_IMAGE = (
    Field("in_h", "u16", "input height"),
    Field("in_w", "u16", "input width"),
    Field("in_c", "u16", "input channels"),
    Field("out_h", "u16", "output height"),
    Field("out_w", "u16", "output width"),
    Field("out_c", "u16", "output channels"),
    Field("filter_h", "u16", "filter height"),
    Field("filter_w", "u16", "filter width"),
    Field("pad_top", "u16", "rows of padding above"),
    Field("pad_left", "u16", "columns of padding on the left"),
    Field("stride_h", "u8", "stride down"),
    Field("stride_w", "u8", "stride across"),
    Field("dilation_h", "u8", "dilation down"),
    Field("dilation_w", "u8", "dilation across"),
)
_RANGE = (
    Field("in_zero_point", "i8", "zero point of the input; the value of padding"),
    Field("out_zero_point", "i8", "zero point of the output"),
    Field("act_min", "i8", "lowest output value"),
    Field("act_max", "i8", "highest output value"),
)
_WIDE_RANGE = (
    Field("wide_min", "i16", "of int16: lowest output value; its zero points are 0, act_min and act_max unused"),
    Field("wide_max", "i16", "of int16: highest output value"),
)
_AUX = (
    Field("aux", "u32", "file offset of variant-specific constants; 0 = none"),
    Field("aux_bytes", "u32", "size of the same"),
)

# Record layouts by name; every operator code below names the one it uses.
RECORDS = {
    "conv": Layout(
        "conv",
        "Weights: CONV_2D [out_c][filter_h][filter_w][in_c]; DEPTHWISE_CONV_2D [filter_h][filter_w][out_c], out_c = in_c * multiplier. "
        "Padding reads as in_zero_point.",
        HEAD + _WEIGHTED + _IMAGE + _RANGE + _AUX,
    ),
    "conv_int16": Layout(
        "conv_int16",
        "Input and output int16 with the zero point 0, weights int8: [out_c][filter_h][filter_w][filter_c]. Filters in a row share "
        "their group of filter_c channels, so that there are in_c / filter_c groups. Padding reads as 0.",
        (
            *HEAD,
            *_IMAGE,
            Field("weights", "u32", "file offset of the weights"),
            Field("channels", "u32", "file offset of the `wide_channel` stream"),
            Field("filter_c", "u16", "input channels that a filter sees"),
            Field("act_min", "i16", "lowest output value"),
            Field("act_max", "i16", "highest output value"),
            Field("sum_bytes", "u8", "8: sums of 64 bits, rounded once; 4: of 32 bits (mod 2^32), rounded twice"),
        ),
    ),
    "fully_connected": Layout(
        "fully_connected",
        "Weights: [out_features][in_features]. Input [rows][in_features], output [rows][out_features].",
        HEAD
        + _WEIGHTED
        + (
            Field("rows", "u32", "rows of input and output"),
            Field("in_features", "u32", "length of an input row"),
            Field("out_features", "u32", "length of an output row"),
        )
        + _RANGE
        + _AUX,
    ),
    "pool": Layout(
        "pool",
        "Average (rounds half away from zero) or maximum over the part of the window inside the input. in_c = out_c.",
        (*HEAD, *_IMAGE, *_RANGE, *_WIDE_RANGE, Field("function", "u8", "of POOL_INT16: 0 maximum, 1 average")),
    ),
    "add": Layout(
        "add",
        "out = requant(requant(left(a - za)) + requant(left(b - zb))), as TFLite's integer ADD with a left shift of 20.",
        (
            *HEAD,
            Field("input2", "u32", "arena offset of the second input"),
            Field("count", "u32", "elements of input, input2 and output"),
            Field("multiplier1", "i32", "Q31, of input"),
            Field("multiplier2", "i32", "Q31, of input2"),
            Field("out_multiplier", "i32", "Q31, of the sum"),
            Field("shift1", "i8", "-31 to 0"),
            Field("shift2", "i8", "-31 to 0"),
            Field("out_shift", "i8", "-31 to 0"),
            Field("in2_zero_point", "i8", "zero point of input2"),
            *_RANGE,
        ),
    ),
    "softmax": Layout(
        "softmax",
        "Over the last dimension; input [rows][depth], output the same with scale 1/256 and zero point -128. With bit 0 of flags: "
        "int16 with scale 1/65536 and zero point -32768.",
        (
            *HEAD,
            Field("rows", "u32", "rows"),
            Field("depth", "u32", "length of a row"),
            Field("multiplier", "i32", "Q31 of beta * input scale * 2^26"),
            Field("shift", "i32", "0 to 31"),
            Field("diff_min", "i32", "differences below this count as exp = 0"),
        ),
    ),
    "pad": Layout(
        "pad",
        "Four dimensions, innermost last; the output is filled with `value` around the input.",
        (
            *HEAD,
            Field("in_shape", "u16", "input shape", 4),
            Field("before", "u16", "padding before each dimension", 4),
            Field("after", "u16", "padding after each dimension", 4),
            Field("value", "i8", "fill"),
        ),
    ),
    "copy": Layout(
        "copy", "Moves bytes: a RESHAPE that could not be folded away.", (*HEAD, Field("count", "u32", "bytes"))
    ),
    "lookup": Layout(
        "lookup",
        "Any function of one byte, as a table of what it gives for 0 to 255. Output may be the input.",
        (*HEAD, Field("count", "u32", "bytes"), Field("table", "u32", "file offset of 256 bytes")),
    ),
    "binary": Layout(
        "binary",
        "A function of two operands that broadcast against each other: rows of four dimensions, innermost last. Comparisons "
        "give 1 or 0; SELECT copies input2 where input is not 0 and leaves the rest as it is. BINARY_INT16 has ADD to PRELU.",
        (
            *HEAD,
            Field("input2", "u32", "arena offset of the second input"),
            Field("shape", "u32", "output shape", 4),
            Field("multiplier1", "i32", "Q31, of input"),
            Field("multiplier2", "i32", "Q31, of input2"),
            Field("out_multiplier", "i32", "Q31, of the result"),
            Field("shift1", "i8", "-31 to 0, for PRELU to 30"),
            Field("shift2", "i8", "-31 to 0, of input2"),
            Field("out_shift", "i8", "-31 to 30, for DIV to 22"),
            Field("in2_zero_point", "i8", "zero point of input2"),
            *_RANGE,
            Field("function", "u8", _listed(BINARY_FUNCTIONS)),
            Field("constants", "u8", "bit 0: input, bit 1: input2 is a file offset of constants"),
            Field("broadcast1", "u8", "bit d: input has one element along dimension d"),
            Field("broadcast2", "u8", "the same, of input2"),
            *_WIDE_RANGE,
        ),
    ),
    "reduce": Layout(
        "reduce",
        "Two dimensions are kept, two are reduced; the output is [count[0]][count[1]], for ARG_MAX and ARG_MIN of i32. A mean is a SUM. "
        "REDUCE_INT16 has only SUM, and neither bias nor zero point.",
        (
            *HEAD,
            Field("count", "u32", "elements along the kept, then the reduced dimensions", 4),
            Field("stride", "u32", "of the input, in elements, along the same", 4),
            Field("multiplier", "i32", "Q31 of input scale / output scale, for a mean over the number of elements"),
            Field("bias", "i32", "minus input zero point times reduced elements"),
            Field("shift", "i8", "-31 to 30"),
            Field("out_zero_point", "i8", "zero point of the output"),
            Field("function", "u8", _listed(REDUCE_FUNCTIONS)),
        ),
    ),
    "move": Layout(
        "move",
        "Bytes from [count] places of the input to as many of the output; strides may be negative, or 0 in the input.",
        (
            *HEAD,
            Field("count", "u32", "bytes along each dimension, innermost last", 4),
            Field("in_stride", "i32", "bytes from one to the next in the input", 4),
            Field("out_stride", "i32", "the same in the output", 4),
            Field("constant", "u8", "1: input is a file offset of constants"),
        ),
    ),
    "gather": Layout(
        "gather",
        "Runs of bytes from anywhere in the input, one after the other into the output.",
        (
            *HEAD,
            Field("count", "u32", "number of runs"),
            Field("run", "u32", "bytes of each"),
            Field("in_bytes", "u32", "bytes of the input"),
            Field("offsets", "u32", "file offset of a u32 for each run: where in the input it starts"),
        ),
    ),
    "quantize": Layout(
        "quantize",
        "From one integer type, scale and zero point to another.",
        (
            *HEAD,
            Field("count", "u32", "elements"),
            Field("multiplier", "i32", "Q31 of input scale / output scale"),
            Field("in_zero_point", "i32", "zero point of the input"),
            Field("out_zero_point", "i32", "zero point of the output"),
            Field("shift", "i8", "-31 to 30"),
            Field("in_dtype", "u8", "1 int8, 2 uint8, 3 int16, 4 int32"),
            Field("out_dtype", "u8", "the same, of the output"),
        ),
    ),
    "svdf": Layout(
        "svdf",
        "Weights: [units * rank][in_features] of int8; time weights and state: [units * rank][memory], int8 or int16, newest last.",
        (
            *HEAD,
            Field("weights", "u32", "file offset of the feature weights"),
            Field("time", "u32", "file offset of the time weights"),
            Field(
                "bias",
                "u32",
                "file offset of an i32 per filter, then per unit: bias minus zero point times weights (mod 2^32)",
            ),
            Field("state", "u32", "arena offset of the state"),
            Field("state_multiplier", "i32", "Q31 of input scale * feature weight scale / state scale"),
            Field("multiplier", "i32", "Q31 of state scale * time weight scale / output scale"),
            Field("in_features", "u16", "length of the input"),
            Field("units", "u16", "length of the output"),
            Field("rank", "u16", "filters of a unit"),
            Field("memory", "u16", "how many of the last results a filter keeps"),
            Field("state_zero_point", "i16", "zero point of the state"),
            Field("state_shift", "i8", "-31 to 30, of state_multiplier"),
            Field("shift", "i8", "-31 to 30, of multiplier"),
            Field("out_zero_point", "i8", "zero point of the output"),
            Field("state_item", "u8", "bytes of an element of state and time weights: 1 or 2"),
        ),
    ),
    "lstm": Layout(
        "lstm",
        "Input [steps][in_features], output [steps][units], hidden state [units], all int8; cell state [units] of int16. Gates: forget, "
        "input, cell, output. Weights: for each unit and gate those of the input, then those of the hidden state.",
        (
            *HEAD,
            Field("weights", "u32", "file offset of the weights, [units][4][in_features + units]"),
            Field(
                "bias",
                "u32",
                "file offset of [units][4][2] i32: bias minus zero point times weights, of input and hidden state",
            ),
            Field("scales", "u32", "file offset of [4][2] `scale`s: input or hidden scale * weight scale * 2^12"),
            Field("table", "u32", "file offset of 256 u16: sigmoid(i / 24) * 65536"),
            Field("hidden", "u32", "arena offset of the hidden state"),
            Field("cell", "u32", "arena offset of the cell state"),
            Field("multiplier", "i32", "Q31 of 2^-30 / hidden scale"),
            Field("steps", "u16", "length of the sequence"),
            Field("in_features", "u16", "length of an input row"),
            Field("units", "u16", "length of an output row"),
            Field("clip", "i16", "largest magnitude of the cell state; 0: none"),
            Field("shift", "i8", "-31 to 30, of multiplier"),
            Field("cell_exponent", "i8", "-24 to 0: the scale of the cell state is 2 to this"),
            Field("out_zero_point", "i8", "zero point of hidden state and output"),
        ),
    ),
    "sigmoid_int16": Layout(
        "sigmoid_int16",
        "1 / (1 + exp(-x)) or tanh(x) of int16, from a table between whose entries lie straight lines. Output may be the input.",
        (
            *HEAD,
            Field("count", "u32", "elements"),
            Field("table", "u32", "file offset of 256 u16: sigmoid(i / 24) * 65536"),
            Field("multiplier", "u16", "with shift: input scale * 3 * 2^12; up to 32767"),
            Field("shift", "u8", "to the right, 0 to 31"),
            Field("function", "u8", "0 LOGISTIC, 1 TANH"),
        ),
    ),
    "softmax_int16": Layout(
        "softmax_int16",
        "Over the last dimension; input [rows][depth] of int16, output the same with scale 1/32768. Output may be the input.",
        (
            *HEAD,
            Field("rows", "u32", "rows"),
            Field("depth", "u32", "length of a row"),
            Field(
                "tables",
                "u32",
                "file offset of 513 i16: exp(x) for x from -10 to 0; and as many: 1 / (1 + x) from 0 to 1",
            ),
            Field("multiplier", "i32", "Q31 of beta * input scale * 6553.5"),
            Field("shift", "i32", "-31 to 30"),
        ),
    ),
    "resize_bilinear": Layout(
        "resize_bilinear",
        "Each output pixel from the four round its place, offset + i * scale in 1/1024 of an input pixel.",
        (
            *HEAD,
            Field("scale_h", "u32", "distance of two rows of the output"),
            Field("scale_w", "u32", "distance of two columns of the output"),
            Field("offset_h", "i32", "place of the first row, from -512; below 0 counts as 0"),
            Field("offset_w", "i32", "the same of the first column"),
            Field("images", "u16", "number of images"),
            Field("in_h", "u16", "input height"),
            Field("in_w", "u16", "input width"),
            Field("channels", "u16", "of input and output"),
            Field("out_h", "u16", "output height"),
            Field("out_w", "u16", "output width"),
        ),
    ),
    "batch_matmul": Layout(
        "batch_matmul",
        "[batch][rows][depth] by [batch][depth][columns].",
        (
            *HEAD,
            Field("input2", "u32", "arena offset of the second input"),
            Field("rows", "u32", "of the first input and the output"),
            Field("depth", "u32", "products in a sum, up to 32768"),
            Field("columns", "u32", "of the second input and the output"),
            Field("multiplier", "i32", "Q31 of the scales' product / output scale"),
            Field("batch", "u16", "dimensions of batches, innermost last", 3),
            Field("shift", "i8", "-31 to 30"),
            Field("in_zero_point", "i8", "zero point of input"),
            Field("in2_zero_point", "i8", "zero point of input2"),
            Field("out_zero_point", "i8", "zero point of the output"),
            Field("constants", "u8", "bit 0: input, bit 1: input2 is a file offset of constants"),
            Field("transposed", "u8", "bit 0: input is [depth][rows], bit 1: input2 is [columns][depth]"),
            Field("broadcast1", "u8", "bit d: input has one matrix along dimension d"),
            Field("broadcast2", "u8", "the same, of input2"),
        ),
    ),
}
