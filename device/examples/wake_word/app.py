# Listens for words: in a wav file, or with a microphone (see README.md).
import struct

import tinyml
from tinyml.audio import CHANNELS, Features

BLOCK_BYTES = 640  # 20 ms


class Listener:
    """Runs a model on what is heard, and calls heard(label, score) once for each word spoken.

    A model with a state (microWakeWord) takes frames 10 ms apart, each once; another (micro_speech) looks at a window of frames 20 ms
    apart, after every second one. words: the labels that count; a word is heard when the mean of its last `smooth` scores passes
    `threshold`.
    """

    def __init__(self, model, heard, words=None, hop_ms=None, every=None, scale=None, threshold=0.8, smooth=3):
        remembers = len(model.get_state()) > 0
        self.model, self.heard, self.threshold, self.smooth = model, heard, threshold, smooth
        self.words = [(i, word) for i, word in enumerate(names(model)) if wanted(word, words)]
        self.features = Features(16000, hop_ms or (10 if remembers else 20))
        self.window = bytearray(b"\x80" * len(model.inputs[0]))  # silence; the input itself is overwritten by each run
        self.view = memoryview(self.window)
        self.every = every or (len(self.window) // CHANNELS if remembers else 2)  # frames between two runs
        # None: as micro_speech's own application has it
        self.scale = scale or (model.input_scale[0] if remembers else None)
        self.due = 0  # frames since the last run
        self.recent, self.said = [], set()  # outputs of the last runs; words that were heard and are not over yet

    def listen(self, source, block=None):
        """Everything that source.readinto() gives: a file, or machine.I2S, which goes on for ever."""
        block = memoryview(block or bytearray(BLOCK_BYTES))
        n = source.readinto(block)
        while n:
            for _ in self.features.feed(block[:n]):
                self._frame()
            n = source.readinto(block)

    def _frame(self):
        self.view[:-CHANNELS] = self.view[CHANNELS:]
        self.features.into(self.view[-CHANNELS:], self.scale, self.model.input_zero_point[0])
        self.due += 1
        if self.due == self.every:
            self.due = 0
            self._run()

    def _run(self):
        m = self.model
        m.inputs[0][:] = self.window
        m.run()
        self.recent.append(tuple(m.outputs[0]))
        if len(self.recent) < self.smooth:
            return
        for i, word in self.words:
            self._judge(word, self.score(i))
        self.recent.pop(0)

    def score(self, i):
        """Mean of the last outputs of number i, as a real number."""
        mean = sum(values[i] for values in self.recent) / len(self.recent)
        return (mean - self.model.output_zero_point[0]) * self.model.output_scale[0]

    def _judge(self, word, score):
        if score > self.threshold and word not in self.said:
            self.said.add(word)
            self.heard(word, score)
        elif score < self.threshold / 2:
            self.said.discard(word)


def names(model):
    """The labels; a model of a single output without one is called after its file."""
    return model.labels if len(model.outputs[0]) > 1 else model.metadata.get("labels") or [model.metadata["name"]]


def wanted(word, words):
    return word in words if words else word not in ("silence", "unknown")


class Wav:
    """The samples of a wav file, for Listener.listen: 16 kHz, 16 bits, mono."""

    def __init__(self, path):
        self.file = open(path, "rb")
        head = self.file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            raise ValueError("%s: not a wav file" % path)
        self.left = 0  # bytes of samples still to come; what lies behind them is no sound
        self._find_samples(path)

    def _find_samples(self, path):
        formats, chunk = 0, self.file.read(8)
        while len(chunk) == 8:
            name, size = struct.unpack("<4sI", chunk)
            if name == b"data" and formats:
                self.left = size
                return
            if size >> 30:  # no file of a device
                break
            size += size & 1
            if name == b"fmt " and size >= 16:
                check_format(path, self.file.read(16))
                size, formats = size - 16, 1
            self.file.seek(size, 1)
            chunk = self.file.read(8)
        raise ValueError("%s: ends before its format and samples; make it again" % path)

    def readinto(self, block):
        n = self.file.readinto(block if self.left >= len(block) else memoryview(block)[: self.left])
        self.left -= n
        return n & ~1  # half a sample at the end is none


def check_format(path, fields):
    """ValueError when a wav file's format is not the one that the features are made of."""
    if len(fields) < 16:
        raise ValueError("%s: ends in its format; make it again" % path)
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", fields)
    if code not in (1, 0xFFFE):
        raise ValueError("%s: compressed (format %d); 16-bit PCM is needed" % (path, code))
    if (channels, rate, bits) != (1, 16000, 16):
        raise ValueError("%s: %d channels of %d bits, %d Hz; 1, 16 and 16000 are needed" % (path, channels, bits, rate))


def microphone(sck=16, ws=17, sd=18, number=0):
    """An I2S microphone on these pins; its buffer holds what comes in 250 ms."""
    from machine import I2S, Pin

    wires = {"sck": Pin(sck), "ws": Pin(ws), "sd": Pin(sd)}
    return I2S(number, mode=I2S.RX, bits=16, format=I2S.MONO, rate=16000, ibuf=8000, **wires)


def main(sound="/rom/words.wav", model="/rom/micro_speech.tml", words=None, **how):
    """sound: path of a wav file, or what has a readinto(), like microphone(). how: for Listener."""
    m = tinyml.Model(model)
    source = Wav(sound) if isinstance(sound, str) else sound
    Listener(m, lambda word, score: print("heard %s (%d %%)" % (word, 100 * score)), words, **how).listen(source)


if __name__ == "__main__":
    main()
