// Flash, bus checks, cycle counter and UF2, on a bare machine.
import assert from 'node:assert/strict';
import test from 'node:test';
import { NorFlash } from '../../host/emulator/flash.mjs';
import { parseUf2 } from '../../host/emulator/uf2.mjs';
import { CODE, machine } from './machine.mjs';

const WRITE_ENABLE = [0x06];

function flash() {
  const memory = new Uint8Array(0x20000).fill(0xff);
  const chip = new NorFlash(memory);
  chip.select(false);
  const command = (bytes) => {
    chip.select(true);
    const answer = bytes.map((byte) => chip.transfer(byte));
    chip.select(false);
    return answer;
  };
  return { memory, command };
}

test('flash: programming clears bits, wraps in its page, needs write enable', () => {
  const { memory, command } = flash();
  command([0x02, 0, 0x10, 0xfe, 1, 2, 3, 4]);
  assert.equal(memory[0x10fe], 0xff);
  command(WRITE_ENABLE);
  command([0x02, 0, 0x10, 0xfe, 1, 2, 3, 4]);
  assert.deepEqual([...memory.subarray(0x10fe, 0x1100), ...memory.subarray(0x1000, 0x1002)], [1, 2, 3, 4]);
  command(WRITE_ENABLE);
  command([0x02, 0, 0x10, 0xfe, 0xff]);
  assert.equal(memory[0x10fe], 1);
});

test('flash: erase takes whole sectors and blocks, once per write enable', () => {
  const { memory, command } = flash();
  memory.fill(0);
  command(WRITE_ENABLE);
  command([0x20, 0, 0x12, 0x34]);
  assert.deepEqual([memory[0x0fff], memory[0x1000], memory[0x1fff], memory[0x2000]], [0, 0xff, 0xff, 0]);
  command([0x20, 0, 0x30, 0]);
  assert.equal(memory[0x3000], 0);
  command(WRITE_ENABLE);
  command([0xd8, 1, 0, 0]);
  assert.deepEqual([memory[0xffff], memory[0x10000], memory[0x1ffff]], [0, 0xff, 0xff]);
  assert.deepEqual(command([0x9f, 0, 0, 0]).slice(1), [0xef, 0x40, 0x15]);
});

// r0 holds the address
const ACCESSES = [
  ['ldr', 0x6801, 0x20030002, /unaligned read, 32-bit access to 0x20030002/],
  ['ldrh', 0x8801, 0x20030001, /unaligned read, 16-bit access to 0x20030001/],
  ['str', 0x6001, 0x20030001, /unaligned write, 32-bit/],
  ['strh', 0x8001, 0x20030003, /unaligned write, 16-bit/],
  ['ldmia', 0xc806, 0x20030002, /unaligned read, 32-bit/],
  ['ldr from flash', 0x6801, 0x10000001, /unaligned read, 32-bit/],
  ['ldr from nowhere', 0x6801, 0x30000000, /unmapped address.*0x30000000/],
  ['ldr beyond SRAM', 0x6801, 0x20042000, /unmapped address/],
  ['str to flash', 0x6001, 0x10000000, /write to flash/],
];

for (const [name, op, address, message] of ACCESSES) {
  for (const fast of [false, true]) {
    test(`${name} at 0x${address.toString(16)} faults (${fast ? 'translated' : 'interpreted'})`, () => {
      // 100 harmless rounds first, so that the fast machine has translated the access: r0 = r4; op; r4 = r0 of the last
      const pico = machine([0x0020, op, 0x3f01, 0xd1fb, 0x0028, op, 0xe7fe], { fast, hot: 3 });
      const { registers } = pico.mcu.core;
      registers[4] = 0x20031000;
      registers[7] = 100;
      pico.run(500 * 8);
      registers[4] = address;
      registers[7] = 100;
      pico.mcu.core.PC = CODE;
      assert.throws(() => pico.run(2000 * 8), message);
    });
  }
}

test('cycle counter: two reads in a row differ by 0, else by the cycles between', () => {
  // ldr r1,[r0]; ldr r2,[r0]; muls r3,r4; b .+2; ldr r5,[r0]; b .
  const pico = machine([0x6801, 0x6802, 0x4363, 0xe7ff, 0x6805, 0xe7fe]);
  const { registers } = pico.mcu.core;
  registers[0] = 0x40068000;
  pico.run(100 * 8);
  assert.equal(registers[2] - registers[1], 0);
  assert.equal(registers[5] - registers[2], 1 + 2);
});

test('UF2: a damaged file is refused by name', () => {
  assert.throws(() => parseUf2(new Uint8Array(512)), /not a UF2 file: block 0/);
  assert.throws(() => parseUf2(new Uint8Array(100)), /100 bytes is no multiple/);
});
