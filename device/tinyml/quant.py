# Real numbers to quantised ones and back: real = scale * (q - zero_point).

_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "int32": (-(1 << 31), (1 << 31) - 1)}


def quantize_into(out, values, dtype, scale, zero_point):
    """Writes real numbers (any nesting) into a typed buffer: rounds half away from zero, saturates."""
    n = _fill(out, 0, values, None if dtype == "float32" else (1 / scale, zero_point) + _LIMITS[dtype])
    if n != len(out):
        raise ValueError("input has %d values, model takes %d" % (n, len(out)))


def dequantize(raw, dtype, scale, zero_point):
    """List of floats from a typed buffer."""
    if dtype == "float32" or not scale:
        return [x for x in raw]
    return [scale * (x - zero_point) for x in raw]


def _fill(out, n, values, how):
    for x in values:
        if hasattr(x, "__iter__"):
            n = _fill(out, n, x, how)
            continue
        if n < len(out):
            out[n] = x if how is None else _quantize(x, how)
        n += 1
    return n


def _quantize(x, how):
    inverse, zero_point, low, high = how
    x = x * inverse
    if x != x:
        raise ValueError("input is not a number")
    if x > 1e9 or x < -1e9:
        return high if x > 0 else low
    q = int(x + 0.5 if x >= 0 else x - 0.5) + zero_point
    return low if q < low else high if q > high else q
