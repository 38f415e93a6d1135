// MicroPython's raw REPL, spoken to an emulated board without a serial port in between.

const CTRL_A = '\x01';
const CTRL_C = '\x03';
const CTRL_D = '\x04';
const EOT = 0x04;
const BANNER = 'raw REPL; CTRL-B to exit\r\n>';
const SLICE_NANOS = 20e6; // emulated time between looks at the wall clock

export class ExecTimeout extends Error {}

/** One exchange at a time: exec() yields to the event loop, so the server keeps answering. */
export class RawRepl {
  constructor(pico) {
    this.pico = pico;
    this.raw = false;
    this.clear();
    this.attach();
  }

  /** Take the console's output (back) from another listener. */
  attach() {
    this.pico.console.onData = (data) => this.received(data);
  }

  received(data) {
    this.output.push(data);
    if (data.includes(EOT)) this.ends += data.filter((byte) => byte === EOT).length;
    this.tail = data.length >= BANNER.length ? data : Buffer.concat([this.tail, data]).subarray(-64);
  }

  clear() {
    this.output = [];
    this.ends = 0;
    this.tail = Buffer.alloc(0);
  }

  take() {
    const bytes = Buffer.concat(this.output);
    this.clear();
    return bytes;
  }

  /** Run until done() holds; errors name what was being waited for. timeout in seconds of wall-clock time. */
  async until(done, timeout, what) {
    const end = performance.now() + timeout * 1000;
    while (!this.pico.run(SLICE_NANOS, done)) {
      if (performance.now() > end) {
        const seen = JSON.stringify(Buffer.concat(this.output).toString('latin1').slice(-200));
        throw new ExecTimeout(`no ${what} after ${timeout} s; last output ${seen}`);
      }
      await new Promise(setImmediate);
    }
  }

  async enter(timeout) {
    const { console } = this.pico;
    await this.until(() => console.connected, timeout, 'USB connection: does the firmware boot?');
    this.clear();
    console.send('\r' + CTRL_C + CTRL_C + CTRL_A);
    await this.until(() => this.tail.includes(BANNER), timeout, 'raw REPL');
    this.raw = true;
  }

  async softReset(timeout) {
    if (!this.raw) await this.enter(timeout);
    this.clear();
    this.pico.console.send(CTRL_D);
    await this.until(() => this.tail.includes(BANNER), timeout, 'raw REPL after a soft reset');
  }

  /** Interrupt what runs and forget the session, so that the next exec starts afresh. */
  abandon() {
    this.pico.console.discard();
    this.raw = false;
  }

  /** Returns {output, error}: Buffers of what the code printed and of its traceback. */
  async exec(code, timeout) {
    if (!this.raw) await this.enter(timeout);
    this.clear();
    this.pico.console.send(Buffer.concat([Buffer.from(code), Buffer.from([EOT])]));
    // "OK" output EOT error EOT ">"
    const finished = () => this.ends >= 2 && this.tail.at(-1) === 0x3e;
    try {
      await this.until(finished, timeout, 'end of the program');
    } catch (error) {
      this.abandon();
      throw error;
    }
    return this.split(this.take());
  }

  split(bytes) {
    if (bytes.subarray(0, 2).toString() !== 'OK') throw new Error(`raw REPL answered ${JSON.stringify(bytes.toString())}`);
    const errorEnd = bytes.length - 2; // EOT ">"
    const outputEnd = bytes.lastIndexOf(EOT, errorEnd - 1);
    return { output: bytes.subarray(2, outputEnd), error: bytes.subarray(outputEnd + 1, errorEnd) };
  }
}
