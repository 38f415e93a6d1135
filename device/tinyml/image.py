# Camera frames into image models: cropped, resized, converted and quantised in one pass, in C, by _tinyml_image.

from array import array

_FORMATS = ("gray", "rgb565le", "rgb565be", "rgb888")
_METHODS = ("nearest", "area", "bilinear")


class Fit:
    """Puts frames of one size and format into an input of a model."""

    def __init__(self, model, width, height, format, crop=None, method="area", levels=None, index=0):
        shape = model.input_shape[index]
        if len(shape) != 4 or shape[3] not in (1, 3) or model.input_dtype[index] != "int8":
            raise ValueError("input %d is no image of 1 or 3 channels in int8: shape %r" % (index, shape))
        self._native = _native()
        self._out = model.inputs[index]
        self.crop = crop or _middle(width, height, shape[2], shape[1])
        numbers = [width, height, _number(format, _FORMATS)]
        numbers.extend(self.crop)
        numbers.extend((shape[2], shape[1], shape[3], _number(method, _METHODS)))
        self._numbers = array("H", numbers)
        self._table = _table(levels, model.input_scale[index], model.input_zero_point[index]) * shape[3]

    def put(self, frame):
        """Write a frame into the model's input: before each run(), which overwrites it. Allocates nothing."""
        self._native.fit(self._out, frame, self._numbers, self._table)


def _number(name, names):
    if name not in names:
        raise ValueError("%r is not known; choose one of: %s" % (name, ", ".join(names)))
    return names.index(name)


def _middle(width, height, to_width, to_height):
    # (left, top, width, height) of the largest part with the proportions of the input.
    w = min(width, max(1, height * to_width // to_height))
    h = min(height, max(1, width * to_height // to_width))
    return (width - w) // 2, (height - h) // 2, w, h


def _table(levels, scale, zero_point):
    # The quantised value of each of 256 levels of brightness.
    if levels is None:
        return bytes(level ^ 0x80 for level in range(256))
    from .quant import quantize_into

    low, high = levels
    table = array("b", bytes(256))
    quantize_into(table, [low + (high - low) * level / 255 for level in range(256)], "int8", scale, zero_point)
    return bytes(table)


def _native():
    try:
        import _tinyml_image

        return _tinyml_image
    except (ImportError, ValueError) as e:
        raise ImportError("%s: what reads frames is not installed; install it with: tinymlaas deploy --image" % e)
