# Speech in, features out: what micro_speech and microWakeWord were trained on. Computed in C, by _tinyml_audio.

from array import array

CHANNELS = 40
RATE_HZ = 16000
_LIMIT = 1 << 21  # of numbers in a fraction
_PER_FEATURE = 0.0390625  # real value of a feature of 1, for those who trained on real numbers


class Features:
    """The front-end: 30 ms of sound become a frame of 40 features, every hop_ms milliseconds."""

    def __init__(self, sample_rate=RATE_HZ, hop_ms=10):
        if sample_rate != RATE_HZ:
            raise ValueError(
                "sample rate is %d Hz, the front-end takes %d: record at that rate" % (sample_rate, RATE_HZ)
            )
        if not 1 <= hop_ms <= 30:
            raise ValueError("hop is %d ms, 1 to 30 are possible; models were trained with 10 or 20" % hop_ms)
        self._native = _native()
        self._state = bytearray(self._native.STATE_BYTES)
        self._hop = hop_ms * RATE_HZ // 1000
        self.frame = array("H", bytes(2 * CHANNELS))
        self._scale, self._fraction = None, (256, 666)
        self.reset()

    def reset(self):
        """Forget all sound and the estimate of the background noise."""
        self._native.reset(self._state, self._hop)

    def step(self, samples, at=0):
        """Take int16 samples, from number `at` on, until a frame is complete.

        Returns where to go on, with the new frame in self.frame; -1: all are taken, and the frame needs more. Allocates nothing.
        """
        return self._native.feed(self._state, samples, at, self.frame)

    def feed(self, samples):
        """Take a block of samples; yields self.frame each time that it holds a new frame."""
        at = self.step(samples)
        while at >= 0:
            yield self.frame
            at = self.step(samples, at)

    def into(self, out, scale=None, zero_point=-128):
        """Write the frame, quantised, into 40 int8 values. Allocates nothing, but for the first call with another scale."""
        if scale is not self._scale:
            self._scale, self._fraction = scale, _fraction(scale)
        self._native.quantise(self.frame, out, self._fraction[0], self._fraction[1], zero_point)


def _fraction(scale):
    # What to multiply features by: as micro_speech's application does, or 1 / scale as a fraction of small whole numbers, found
    # by dividing on, which is exact where the scale was made of such numbers.
    if scale is None:
        return 256, 666
    ratio = _PER_FEATURE / scale
    p, q, p0, q0, rest = int(ratio), 1, 1, 0, ratio - int(ratio)
    while abs(p - ratio * q) > 2e-7 * ratio * q and rest * _LIMIT > 1:
        rest = 1 / rest
        whole = int(rest)
        if whole * q + q0 > _LIMIT:
            break  # what there is is as good as that
        rest -= whole
        p, q, p0, q0 = whole * p + p0, whole * q + q0, p, q
    if not 0 < p <= _LIMIT:
        raise ValueError("scale is %r, features reach from 0 to about 27: give that of the model's input" % scale)
    return p, q


def _native():
    try:
        import _tinyml_audio

        return _tinyml_audio
    except (ImportError, ValueError) as e:
        raise ImportError("%s: the front-end is not installed; install it with: tinymlaas deploy --audio" % e)
