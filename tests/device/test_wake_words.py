"""From sound to a wake word: the wake_word example with microWakeWord's models, against the oracle and the package they come from."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.device.test_examples import app, run_app
from tests.support import golden, oracle, speech, wakewords
from tests.support.devices import bench
from tinymlaas import bench_words
from tinymlaas.compile import compile_model
from tinymlaas.target import board_by_name

SECOND = bytes(2 * speech.RATE)
# On the emulated Pico one is enough: all of them are made of the same layers.
CASES = [("unix", name) for name in wakewords.MODELS] + [("pico", "okay_nabu")]
WATCHED = """
import app
inputs, outputs, scores = [], [], []
class Watched(app.Listener):
    def _run(self):
        inputs.append(bytes(self.window))
        super()._run()
        outputs.append(self.model.outputs[0][0])
    def _judge(self, word, score):
        scores.append(score)
        super()._judge(word, score)
app.Listener = Watched
"""


@cache
def module(name: str, board_id: str) -> bytes:
    return compile_model(wakewords.model(name), name, board_by_name(board_id).kernel_target).module


def call(name: str) -> str:
    """The app's main() as a user of this model calls it."""
    said = wakewords.settings(name)
    how = f"threshold={said['probability_cutoff']}, smooth={said['sliding_window_size']}"
    return f"app.main('{{d}}words.wav', '{{d}}m.tml', {how})"


def expected_inputs(name: str, sound: bytes) -> np.ndarray:
    """(runs, 3 frames, 40) int8: features of the reference front-end, quantised as the package does."""
    graph, frames = compile_model(wakewords.model(name), name).graph, speech.expected(sound)
    quant = graph.tensor(graph.inputs[0]).quant
    real = frames[: len(frames) // 3 * 3].reshape(-1, 3, 40) * speech.PER_FEATURE
    return np.round(real / quant.scales[0] + quant.zero_points[0]).astype(np.int8)


@pytest.mark.parametrize(("board_id", "name"), CASES)
def test_a_spoken_word_is_heard_once(board_id, name):
    sound = SECOND + speech.spoken(name.replace("_", " "))
    inputs = expected_inputs(name, sound)
    (bytes_of_oracle,) = oracle.run_steps(wakewords.model(name), inputs[:, None], 1)
    their_outputs, their_means = wakewords.heard(name, sound)
    files = {"app.py": app("wake_word"), "words.wav": speech.wav(sound), "m.tml": module(name, board_id)}
    with bench(board_id, files) as board:
        board.run(f"import sys\nsys.path.insert(0, {board.folder!r})\n" + WATCHED)
        lines = run_app(board, call(name))
        found = [board.value(f"b''.join({what})") for what in ("inputs", "map(lambda x: bytes([x]), outputs)")]
        scores = board.value("scores")
    assert len(lines) == 1
    assert lines[0].startswith(f"heard {name} (")
    assert found[0] == inputs.tobytes()
    outputs = np.frombuffer(found[1], np.uint8)
    np.testing.assert_array_equal(outputs, np.ravel(bytes_of_oracle))
    their_means = their_means[wakewords.settings(name)["sliding_window_size"] - 1 :]
    # The package runs TensorFlow Lite for computers, whose kernels (XNNPACK) round otherwise: never by more than this.
    np.testing.assert_allclose(outputs.astype(int), their_outputs, atol=12)
    np.testing.assert_allclose(scores, their_means, atol=0.02)
    limit = wakewords.settings(name)["probability_cutoff"]
    assert np.argmax(np.array(scores) > limit) == np.argmax(their_means > limit) > 0


def other_words(name: str) -> bytes:
    """Two words, noise, silence, the other wake words."""
    golden.require()
    recorded = [speech.recorded()[f"{kind}_1000ms"] for kind in ("yes", "no", "noise", "silence")]
    others = [speech.spoken(other.replace("_", " ")) for other in wakewords.MODELS if other != name]
    return b"".join([SECOND, *recorded, *others])


@pytest.mark.parametrize("name", wakewords.MODELS)
def test_other_words_and_noise_are_not_heard(name):
    sound = other_words(name)
    (expected,) = oracle.run_steps(wakewords.model(name), expected_inputs(name, sound)[:, None], 1)
    files = {"app.py": app("wake_word"), "words.wav": speech.wav(sound), "m.tml": module(name, "unix")}
    with bench("unix", files) as board:
        board.run(f"import sys\nsys.path.insert(0, {board.folder!r})\n" + WATCHED)
        assert run_app(board, call(name)) == []
        np.testing.assert_array_equal(board.value("outputs"), np.ravel(expected))


def test_real_time_on_a_pico():
    """Everything that the app does for 10 ms of sound takes less than a third of them: flash cache misses are left out."""
    (row,) = bench_words.measure(["okay_nabu"])
    assert 0.1 < row.share(125) < 0.33
    assert row.compiled.plan.arena_bytes <= 8192


def test_every_sample_of_a_microphone_comes_in():
    """Through MicroPython's own machine.I2S, its PIO program and DMA, from a microphone at the pins of the emulated Pico."""
    sound = speech.pcm(np.random.default_rng(5).standard_normal(1600) * 3000)
    with bench("pico", {"app.py": app("wake_word")}) as board:
        board.device.microphone(16, 17, 18, sound)
        board.run("import sys\nsys.path.insert(0, '/rom')\nimport app\nblock = bytearray(1280)")
        assert board.value("app.microphone().readinto(block)") == 1280
        samples = np.frombuffer(board.value("bytes(block)"), "<i2")
    begin = np.flatnonzero(samples)[0]
    assert begin < 4
    np.testing.assert_array_equal(samples[begin:], np.frombuffer(sound, "<i2")[: 640 - begin])
