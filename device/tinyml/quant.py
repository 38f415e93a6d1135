# Real numbers to quantised ones and back: real = scale * (q - zero_point); scale 0: not quantised.

_LIMITS = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
    "int32": (-(1 << 31), (1 << 31) - 1),
    "bool": (0, 1),
}


def quantize_into(out, values, dtype, scale, zero_point):
    """Writes real numbers (any nesting) into a typed buffer: rounds half away from zero, saturates."""
    n = _fill(out, 0, values, None if dtype == "float32" else (scale or 1, zero_point) + _LIMITS[dtype])
    if n != len(out):
        raise ValueError("input has %d values, model takes %d" % (n, len(out)))


def dequantize(raw, dtype, scale, zero_point):
    """List of floats from a typed buffer."""
    if dtype == "float32" or not scale:
        return list(raw)
    return [scale * (x - zero_point) for x in raw]


def _fill(out, n, values, how):
    if isinstance(values, str):
        raise TypeError("input holds text, numbers are needed: %r" % values)
    for x in values:
        if not isinstance(x, (int, float, bool)):
            n = _fill(out, n, x, how)
            continue
        if n < len(out):
            out[n] = x if how is None else _quantize(x, how)
        n += 1
    return n


def _quantize(x, how):
    scale, zero_point, low, high = how
    x = x / scale
    if x != x:
        raise ValueError("input is not a number (nan)")
    if x >= high - zero_point:
        return high
    if x <= low - zero_point:
        return low
    q = int(x)
    rest = x - q  # exact, where x + 0.5 would round 0.49999997 up
    return q + zero_point + (1 if rest >= 0.5 else -1 if rest <= -0.5 else 0)
