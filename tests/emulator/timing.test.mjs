// Cycles per instruction against ARM's Cortex-M0+ TRM (DDI 0484C, table 3-1) and the RP2040 data sheet.
import assert from 'node:assert/strict';
import test from 'node:test';
import { CODE, machine, stepOnce } from './machine.mjs';

const SRAM = 0x20002000;
const NEXT = CODE + 0x11;

// name, halfwords, r0, documented cycles, what rp2040js counts when it differs
const TABLE = [
  ['ldr r1,[r0] SRAM', [0x6801], SRAM, 2],
  ['ldr r1,[r0] flash, cache hit', [0x6801], 0x10002000, 2],
  ['ldr r1,[r0] SIO', [0x6801], 0xd0000000, 1],
  ['ldrsb r1,[r0,r2]', [0x5681], SRAM, 2],
  ['ldrb r1,[r0]', [0x7801], SRAM, 2],
  ['ldrh r1,[r0]', [0x8801], SRAM, 2],
  ['ldr r1,[pc]', [0x4900], 0, 2],
  ['str r1,[r0] SRAM', [0x6001], SRAM, 2],
  ['strb r1,[r0] SRAM', [0x7001], SRAM, 2],
  ['str r1,[r0] SIO', [0x6001], 0xd0000010, 1],
  ['muls r1,r0', [0x4341], 7, 1],
  ['adds r1,r1,r0', [0x1809], 1, 1],
  ['lsls r1,r0,#3', [0x00c1], 1, 1],
  ['nop', [0xbf00], 0, 1],
  ['b', [0xe000], 0, 2],
  ['bne taken', [0xd100], 0, 2],
  ['beq not taken', [0xd000], 0, 1],
  ['bl', [0xf000, 0xf800], 0, 3],
  ['bx r0', [0x4700], NEXT, 2],
  ['blx r0', [0x4780], NEXT, 2],
  ['mov pc,r0', [0x4687], NEXT - 1, 2],
  ['push {r4-r7}', [0xb4f0], 0, 5],
  ['push {r4-r7,lr}', [0xb5f0], 0, 6, 5],
  ['pop {r4-r7}', [0xbcf0], 0, 5],
  ['pop {r4-r7,pc}', [0xbdf0], 0, 8, 7],
  ['ldmia r0!,{r4-r7}', [0xc8f0], SRAM, 5],
  ['stmia r0!,{r4-r7}', [0xc0f0], SRAM, 5],
  ['mrs r0,primask', [0xf3ef, 0x8010], 0, 3],
  ['dmb', [0xf3bf, 0x8f5f], 0, 3],
  ['cpsid i', [0xb672], 0, 1],
];

for (const [name, halfwords, r0, documented, counted = documented] of TABLE) {
  test(`${name}: ${counted} cycles${counted === documented ? '' : ` (documented: ${documented})`}`, () => {
    const pico = machine(halfwords, { fast: false });
    const { core } = pico.mcu;
    core.registers[0] = r0;
    core.registers[13] = 0x20003000;
    for (let i = 0; i < 32; i += 4) pico.mcu.writeUint32(0x20003000 + i, NEXT);
    core.Z = false;
    assert.equal(stepOnce(pico), counted);
  });
}
