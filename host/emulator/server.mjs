// node server.mjs --bootrom FILE [--plain]: an emulated Pico, controlled by JSON lines on stdin and stdout.
//
// Each request is {"id", "op", ...}; each answer {"id", "ok": true, ...} or {"id", "ok": false, "error", "kind"}.
// Bytes travel as base64. The end of stdin ends the process. Operations: see the Control class.
import fs from 'node:fs';
import readline from 'node:readline';
import { parseArgs } from 'node:util';
import { Microphone } from './microphone.mjs';
import { FLASH_BYTES, Pico } from './pico.mjs';
import { ExecTimeout, RawRepl } from './rawrepl.mjs';
import { SerialBridge } from './bridge.mjs';

const encode = (bytes) => Buffer.from(bytes).toString('base64');
const decode = (text) => Buffer.from(text, 'base64');

class Control {
  constructor(pico) {
    this.pico = pico;
    this.repl = new RawRepl(pico);
    this.bridge = new SerialBridge(pico, this.repl);
  }

  /** data: a UF2 file. */
  firmware({ data }) {
    this.pico.loadUf2(decode(data));
  }

  /** Put data at an offset in flash, without erasing round it. */
  load({ offset, data }) {
    this.pico.loadFlash(offset, decode(data));
  }

  read({ offset, length }) {
    return { data: encode(this.pico.flash.subarray(offset, offset + length)) };
  }

  start() {
    this.pico.start();
  }

  requireConsole() {
    if (this.bridge.busy) throw new Error('the serial port is in use: close mpremote or the terminal first');
  }

  /** Run code in the raw REPL; timeout in seconds of wall-clock time. */
  async exec({ code, timeout }) {
    this.requireConsole();
    const before = this.pico.cycles;
    const { output, error } = await this.repl.exec(decode(code), timeout);
    return { output: encode(output), error: encode(error), cycles: this.pico.cycles - before };
  }

  /** Offer the serial port on a local socket at `path`. */
  async listen({ path }) {
    await this.bridge.listen(path);
  }

  /** Take the serial port back from its client. */
  hangup() {
    this.bridge.hangUp();
  }

  /** An I2S microphone on these pins, until the next reset; data: int16 samples, little-endian. */
  microphone({ data, ...pins }) {
    const bytes = new Uint8Array(decode(data));
    new Microphone(this.pico.mcu, pins, new Int16Array(bytes.buffer, 0, bytes.length >> 1));
  }

  /** Ctrl-D: Python starts anew, files stay. */
  async softReset({ timeout }) {
    this.requireConsole();
    await this.repl.softReset(timeout);
  }

  /** The reset button: the microcontroller starts anew from flash. */
  reset() {
    this.bridge.hangUp();
    this.repl.abandon();
    this.pico.reset();
  }

  /** Write the board's flash to a file, to be given back by load. */
  save({ path }) {
    fs.writeFileSync(path, this.pico.flash.subarray(0, FLASH_BYTES));
  }

  status() {
    const { cycles, nanos, chip } = this.pico;
    return { cycles, nanos, flash: chip.counts, cpuSeconds: process.cpuUsage().user / 1e6 };
  }
}

const OPERATIONS = ['firmware', 'load', 'read', 'start', 'exec', 'listen', 'hangup', 'microphone', 'softReset', 'reset', 'save', 'status'];

async function answer(control, { id, op, ...request }) {
  try {
    if (!OPERATIONS.includes(op)) throw new Error(`unknown operation ${op}`);
    return { id, ok: true, ...(await control[op](request)) };
  } catch (error) {
    const kind = error instanceof ExecTimeout ? 'timeout' : error.name;
    return { id, ok: false, error: error.message, kind };
  }
}

async function main() {
  const { values } = parseArgs({ options: { bootrom: { type: 'string' }, plain: { type: 'boolean', default: false } } });
  const control = new Control(new Pico({ bootrom: values.bootrom, fast: !values.plain }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const reply = await answer(control, JSON.parse(line));
    process.stdout.write(JSON.stringify(reply) + '\n');
  }
  process.exit(0);
}

await main();
