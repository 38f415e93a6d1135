// An I2S microphone on three pins of an emulated Pico, as an INMP441 with its L/R pin low: 24 bits of each frame's left half.
//
// rp2040js runs PIO beside the core and not in step with it: sound is as slow or fast as the host, but nothing of it is lost.
const BITS = 24;
const SHIFT_16_BITS = 8; // int16 samples are the upper bits

export class Microphone {
  /** samples: Int16Array, silence afterwards. Gone with the next reset. */
  constructor(mcu, { sck, ws, sd }, samples) {
    this.samples = samples;
    this.next = 0;
    this.word = 0;
    this.bit = BITS; // all said
    this.wordSelect = mcu.gpio[ws];
    this.data = mcu.gpio[sd];
    this.isRight = this.wordSelect.outputValue;
    mcu.gpio[sck].addListener(() => (mcu.gpio[sck].outputValue ? this.risingEdge() : this.fallingEdge()));
  }

  /** Word select is looked at; when it has changed, the next bit is the first of the other half. */
  risingEdge() {
    const isRight = this.wordSelect.outputValue;
    if (isRight === this.isRight) return;
    this.isRight = isRight;
    this.bit = isRight ? BITS : 0;
    if (!isRight) this.word = (this.samples[this.next++] ?? 0) << SHIFT_16_BITS;
  }

  /** The bit that the master reads at the next rising edge, highest first. */
  fallingEdge() {
    const value = this.bit < BITS && (this.word >> (BITS - 1 - this.bit)) & 1;
    this.bit++;
    this.data.setInputValue(Boolean(value));
  }
}
