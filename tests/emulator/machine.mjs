// Helpers of the emulator's tests: a bare machine that runs halfwords from SRAM.
import crypto from 'node:crypto';
import { Pico } from '../../host/emulator/pico.mjs';

export const BOOTROM = new URL('../../build/bootrom_b1.bin', import.meta.url).pathname;
export const CODE = 0x20001000;
export const DATA = 0x20020000;
export const STACK = 0x20030000;

/** A machine with `program` (halfwords) at CODE and the program counter there. */
export function machine(program, options = {}) {
  const pico = new Pico({ bootrom: BOOTROM, ...options });
  const { mcu } = pico;
  program.forEach((halfword, i) => mcu.writeUint16(CODE + 2 * i, halfword));
  mcu.core.registers.fill(0);
  mcu.core.registers[13] = STACK;
  mcu.core.PC = CODE;
  return pico;
}

/** Run exactly one instruction; returns its cycles. */
export function stepOnce(pico) {
  const before = pico.cycles;
  pico.mcu.core.executeInstruction();
  return pico.cycles - before;
}

/** All that a program can see: registers, flags, time, memory. */
export function state(pico) {
  const { core, sram } = pico.mcu;
  return {
    registers: [...core.registers].map((value) => value.toString(16)).join(' '),
    flags: [core.N, core.Z, core.C, core.V].map(Number).join(''),
    cycles: core.cycles,
    nanos: pico.nanos,
    memory: crypto.createHash('sha256').update(sram).digest('hex'),
  };
}

/** Small deterministic generator (xorshift32) of integers below `bound`. */
export function random(seed) {
  let x = seed | 1;
  return (bound) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % bound;
  };
}
