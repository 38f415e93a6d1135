// An emulated Raspberry Pi Pico: rp2040js with boot ROM, flash, cycle counter, bus checks and a serial console.
import fs from 'node:fs';
import { RP2040 } from 'rp2040js';
import { guardBus } from './bus.mjs';
import { CYCLE_NANOS, CycleClock } from './clock.mjs';
import { SerialConsole } from './console.mjs';
import { CycleCounter, TestbenchManager } from './cyclecounter.mjs';
import { HOT, fastExecutor } from './fastcore.mjs';
import { FlashSsi, NorFlash, QspiPads, XipControl } from './flash.mjs';
import { parseUf2 } from './uf2.mjs';

export const FLASH_BASE = 0x10000000;
export const FLASH_BYTES = 2 * 1024 * 1024; // what the board has; the address space above holds test blobs
const BOOTROM_WORDS = 4096;
const ADDRESSABLE_FLASH_BYTES = 16 * 1024 * 1024;
const SLOT = {
  XIP_CTRL: 0x14000,
  SSI: 0x18000,
  IO_QSPI: 0x40018,
  WATCHDOG: 0x40058,
  CYCLE_COUNTER: 0x40068,
  TBMAN: 0x4006c,
};

// What rp2040js logs (registers it leaves out) is of no concern here; real mistakes are BusFaults.
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** rp2040js's own interpreter, one instruction at a time: the reference for fastcore.mjs. */
export function plainExecutor(mcu) {
  const { core, clock } = mcu;
  return {
    invalidate() {},
    run(stopCycle) {
      while (core.cycles < stopCycle && core.cycles < clock.dueCycle && !core.waiting) core.executeInstruction();
    },
  };
}

function readBootrom(path) {
  const bytes = fs.readFileSync(path);
  const words = new Uint32Array(BOOTROM_WORDS);
  if (bytes.length !== words.byteLength) throw new Error(`${path}: boot ROM has ${bytes.length} bytes, not 16384`);
  for (let i = 0; i < BOOTROM_WORDS; i++) words[i] = bytes.readUInt32LE(4 * i);
  return words;
}

const SIO_FIFO_ST = 0x50;
const SIO_FIFO_RD = 0x58;
const FIFO_READABLE_AND_WRITABLE = 3;

/** The mailbox to the second core, which is not emulated. Resetting that core waits for the 0 it sends from its boot ROM. */
function stubFifo(sio) {
  const read = sio.readUint32.bind(sio);
  sio.readUint32 = (offset) => (offset === SIO_FIFO_ST ? FIFO_READABLE_AND_WRITABLE : offset === SIO_FIFO_RD ? 0 : read(offset));
}

/** Flash outlives a reset: give `mcu` the board's memory instead of its own. */
function adoptFlash(mcu, flash) {
  mcu.flash = flash;
  mcu.flash16 = new Uint16Array(flash.buffer);
  mcu.flashView = new DataView(flash.buffer);
}

export class Pico {
  /**
   * bootrom: path of the 16 KiB image. fast: use fastcore.mjs rather than rp2040js's interpreter; hot: see there.
   * Load a program with loadUf2() or loadFlash(), then start().
   */
  constructor({ bootrom, fast = true, hot = HOT }) {
    this.bootrom = readBootrom(bootrom);
    this.makeExecutor = fast ? (mcu) => fastExecutor(mcu, hot) : plainExecutor;
    this.flash = new Uint8Array(ADDRESSABLE_FLASH_BYTES).fill(0xff);
    this.chip = new NorFlash(this.flash, (offset, size) => this.executor.invalidate(FLASH_BASE + offset, size));
    this.console = new SerialConsole();
    this.powerOn();
  }

  /** A fresh microcontroller on the same flash. */
  powerOn() {
    this.clock = new CycleClock();
    const mcu = (this.mcu = new RP2040(this.clock));
    mcu.logger = SILENT;
    mcu.loadBootrom(this.bootrom);
    adoptFlash(mcu, this.flash);
    this.clock.attach(mcu.core);
    this.attachPeripherals();
    guardBus(mcu);
    stubFifo(mcu.sio);
    mcu.onBreak = (code) => this.breakpoint(code);
    this.console.plugInto(mcu);
    this.executor = this.makeExecutor(mcu);
    this.resetRequested = false;
  }

  attachPeripherals() {
    const { mcu, chip } = this;
    mcu.peripherals[SLOT.XIP_CTRL] = new XipControl(mcu);
    mcu.peripherals[SLOT.SSI] = new FlashSsi(mcu, chip);
    mcu.peripherals[SLOT.IO_QSPI] = new QspiPads(mcu, chip);
    mcu.peripherals[SLOT.CYCLE_COUNTER] = new CycleCounter(mcu);
    mcu.peripherals[SLOT.TBMAN] = new TestbenchManager(mcu, 'TBMAN');
    mcu.peripherals[SLOT.WATCHDOG].onWatchdogTrigger = () => this.requestReset();
  }

  /** machine.reset(): halt the core now, restart it when it is safe. */
  requestReset() {
    this.resetRequested = true;
    this.mcu.core.waiting = true;
  }

  get cycles() {
    return this.mcu.core.cycles;
  }

  get nanos() {
    return this.clock.nanos;
  }

  get asleep() {
    return this.mcu.core.waiting;
  }

  breakpoint(code) {
    const { PC, LR } = this.mcu.core;
    throw new Error(`breakpoint ${code} at 0x${(PC - 2).toString(16)}, lr 0x${LR.toString(16)}: the firmware gave up`);
  }

  loadUf2(bytes) {
    for (const { address, data } of parseUf2(bytes)) this.loadFlash(address - FLASH_BASE, data);
  }

  loadFlash(offset, bytes) {
    if (offset < 0 || offset + bytes.length > this.flash.length) {
      throw new Error(`${bytes.length} bytes at flash offset 0x${offset.toString(16)} are outside the flash`);
    }
    this.flash.set(bytes, offset);
    this.executor.invalidate(FLASH_BASE + offset, bytes.length);
  }

  /** Begin at the second-stage boot loader's entry, where the boot ROM would jump. */
  start() {
    this.mcu.core.PC = FLASH_BASE;
  }

  reset() {
    this.powerOn();
    this.start();
  }

  /** Run for `nanos` of emulated time, or until done() holds after a step. Returns whether done() held. */
  run(nanos, done = () => false) {
    let end = this.nanos + nanos;
    while (this.nanos < end) {
      this.step(end);
      if (done()) return true;
      if (this.resetRequested) {
        end -= this.nanos;
        this.reset();
      }
    }
    return done();
  }

  /** Execute or sleep until something happens: an alarm, a reset, or the end of the time. */
  step(endNanos) {
    const { clock, mcu } = this;
    if (mcu.core.waiting) {
      clock.sleepUntilAlarm(endNanos);
    } else {
      this.executor.run(this.cycles + (endNanos - this.nanos) / CYCLE_NANOS);
      if (this.cycles >= clock.dueCycle) clock.catchUp();
    }
  }
}
