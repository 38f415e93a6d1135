# Listens for words: in a wav file, or with a microphone (see README.md).
import struct

import tinyml
from tinyml.audio import CHANNELS, Features

BLOCK_BYTES = 640  # 20 ms


class Listener:
    """Runs a model on the newest frames, every so many of them, and calls heard(label, score) once for each word spoken."""

    def __init__(self, model, heard, words, hop_ms=20, every=2, threshold=0.8, smooth=3):
        self.model, self.heard, self.words = model, heard, words
        self.every, self.threshold, self.smooth = every, threshold, smooth
        self.features = Features(16000, hop_ms)
        self.window = bytearray(b"\x80" * len(model.inputs[0]))  # silence; the input itself is overwritten by each run
        self.view = memoryview(self.window)
        self.recent, self.said = [], set()  # scores of the last runs; words that were heard and are not over yet
        self.due = 0  # frames since the last run

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
        self.features.into(self.view[-CHANNELS:])
        self.due += 1
        if self.due == self.every:
            self.due = 0
            self._run()

    def _run(self):
        m = self.model
        m.inputs[0][:] = self.window
        m.run()
        scores = dict(m.top(len(m.outputs[0])))
        self.recent.append(scores)
        self.recent = self.recent[-self.smooth :]
        for word in self.words:
            score = sum(s[word] for s in self.recent) / self.smooth
            if score > self.threshold and word not in self.said:
                self.said.add(word)
                self.heard(word, score)
            elif score < self.threshold / 2:
                self.said.discard(word)


def open_wav(path):
    """The file, positioned at its samples: 16 kHz, 16 bits, mono."""
    f = open(path, "rb")
    name, size = f.read(12)[:4], 0
    while name != b"data":
        f.seek(size, 1)
        name, size = struct.unpack("<4sI", f.read(8))
        if name == b"fmt ":
            _, channels, rate, _, _, bits = struct.unpack("<HHIIHH", f.read(16))
            if (channels, rate, bits) != (1, 16000, 16):
                raise ValueError(
                    "%s: %d channels of %d bits, %d Hz; 1, 16 and 16000 are needed" % (path, channels, bits, rate)
                )
            size -= 16
    return f


def main(sound="/rom/words.wav", model="/rom/micro_speech.tml", words=("yes", "no")):
    m = tinyml.Model(model)
    Listener(m, lambda word, score: print("heard %s (%d %%)" % (word, 100 * score)), words).listen(open_wav(sound))


if __name__ == "__main__":
    main()
