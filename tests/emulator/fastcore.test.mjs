// Translated code against rp2040js's interpreter: same registers, flags, memory and cycles wherever one looks.
import assert from 'node:assert/strict';
import test from 'node:test';
import { CODE, DATA, machine, random, state } from './machine.mjs';

const POINTER = 6; // r6 points into DATA, r7 counts the loop: random instructions leave both alone
const COUNTER = 7;

/** A random instruction on r0..r5 that can neither fault nor leave the loop. */
function instruction(pick) {
  const [a, b, c] = [pick(6), pick(6), pick(6)];
  const imm5 = pick(32);
  const regReg = (op) => (op << 6) | (b << 3) | a;
  const kinds = [
    () => (pick(3) << 11) | (imm5 << 6) | (b << 3) | a, // shifts by immediate
    () => 0x1800 | (pick(4) << 9) | ((pick(2) ? c : pick(6)) << 6) | (b << 3) | a, // add, sub
    () => 0x2000 | (pick(4) << 11) | (a << 8) | pick(256), // mov, cmp, add, sub imm8
    () => 0x4000 | regReg(pick(16)), // the sixteen register operations
    () => 0x4400 | (pick(3) << 8) | (pick(2) << 7) | ((pick(2) ? 8 + pick(5) : b) << 3) | (pick(2) ? a : pick(5)), // high registers
    () => 0x4800 | (a << 8) | pick(8), // ldr literal
    () => 0x6000 | (pick(6) << 11) | (imm5 << 6) | (POINTER << 3) | a, // loads and stores, some halfwords
    () => 0x9000 | (pick(2) << 11) | (a << 8) | pick(64), // sp-relative
    () => 0xa000 | (pick(2) << 11) | (a << 8) | pick(256), // adr, add sp
    () => 0xb200 | regReg(pick(4)), // extensions
    () => 0xba00 | ([0, 1, 3][pick(3)] << 6) | (b << 3) | a, // byte reversal
    () => 0xd000 | (pick(14) << 8) | pick(4), // short forward branch
    () => 0xbf00,
  ];
  return kinds[pick(kinds.length)]();
}

/** mov to or add to sp, pc, r6, r7 and the rest would wreck the loop: keep the high-register forms on r0..r5, r8..r12. */
function isSafe(op) {
  if ((op & 0xfc00) !== 0x4400) return true;
  const destination = (op & 7) | ((op >> 4) & 8);
  return destination < 6 || (destination >= 8 && destination <= 12);
}

/** Groups of instructions that belong together: set-up and access, push and pop. */
function group(pick) {
  const [a, c] = [pick(5), 5];
  const kinds = [
    () => [0x2000 | (c << 8) | (pick(64) << 2), 0x5000 | (pick(8) << 9) | (c << 6) | (POINTER << 3) | a], // [r6,r5]
    () => [0x1c00 | (POINTER << 3) | c, 0xc000 | (pick(2) << 11) | (c << 8) | (1 + pick(31))], // ldmia, stmia r5!
    () => [0xa000 | (c << 8) | pick(8), 0xc800 | (c << 8) | (1 + pick(31))], // ldmia from behind the code
    () => {
      const list = 1 + pick(63);
      return [0xb400 | list, 0xbc00 | list];
    },
  ];
  if (pick(4) === 0) return kinds[pick(kinds.length)]();
  const op = instruction(pick);
  return isSafe(op) ? [op] : [];
}

/** `length` instructions or a few more; conditional branches go to the start of a group only. */
function fill(pick, length) {
  const body = [];
  const starts = new Set();
  while (body.length < length) {
    starts.add(body.length);
    body.push(...group(pick));
  }
  const strays = (op, i) => (op & 0xf000) === 0xd000 && !starts.has(i + 2 + (op & 255));
  return body.map((op, i) => (strays(op, i) ? 0xbf00 : op));
}

/** loop: body; bl leaf; subs r7,#1; bne loop; b . ; leaf: push {r0,lr}; adds r1,#1; pop {r0,pc}; literals. */
function program(seed) {
  const pick = random(seed);
  const body = fill(pick, 20 + pick(80));
  const back = -(body.length + 2 + 1 + 2);
  const tail = [0xf000, 0xf803, 0x3f01, 0xd100 | (back & 255), 0xe7fe, 0xb501, 0x3101, 0xbd01];
  return [...body, ...tail, ...Array.from({ length: 600 }, () => pick(65536))];
}

function start(seed, options) {
  const pico = machine(program(seed), options);
  const pick = random(seed ^ 0x5a5a5a5a);
  const { registers } = pico.mcu.core;
  for (let n = 0; n < 13; n++) registers[n] = pick(2) ? pick(2 ** 32) : pick(256);
  registers[POINTER] = DATA;
  registers[COUNTER] = 400;
  for (let i = 0; i < 4096; i += 4) pico.mcu.writeUint32(DATA + i, pick(2 ** 32));
  return pico;
}

for (let seed = 1; seed <= 60; seed++) {
  test(`random program ${seed}: translated = interpreted`, () => {
    const [fast, plain] = [start(seed, { hot: 3 }), start(seed, { fast: false })];
    const pick = random(seed * 77);
    for (let slice = 0; slice < 12; slice++) {
      const nanos = 8 * (1 + pick(4000));
      fast.run(nanos);
      plain.run(nanos);
      assert.deepEqual(state(fast), state(plain), `after slice ${slice}`);
    }
    assert.ok(fast.executor.cache.live.size > 0, 'nothing was translated');
  });
}

test('a store to translated code takes effect', () => {
  // loop: adds r0,#1; str r2,[r1]; subs r7,#1; bne loop; b .   with r1 on the first instruction, r2 its replacement
  const make = (options) => {
    const pico = machine([0x3001, 0xbf00, 0x600a, 0x3f01, 0xd1fa, 0xe7fe], options);
    const { registers } = pico.mcu.core;
    registers[COUNTER] = 300;
    registers[1] = DATA;
    registers[2] = 0xbf003002; // adds r0,#2; nop
    return pico;
  };
  const [fast, plain] = [make({ hot: 3 }), make({ fast: false })];
  for (const pico of [fast, plain]) {
    pico.run(800 * 8);
    pico.mcu.core.registers[1] = CODE;
    pico.run(4000 * 8);
  }
  assert.deepEqual(state(fast), state(plain));
  assert.ok(fast.mcu.core.registers[0] > 310, 'the replaced instruction never ran');
});

test('an alarm interrupts a translated loop at the same cycle', () => {
  const fired = [];
  for (const options of [{ hot: 3 }, { fast: false }]) {
    const pico = machine([0x3001, 0x3101, 0x3201, 0xe7fb], options);
    const alarm = pico.clock.createAlarm(() => fired.push([pico.cycles, pico.mcu.core.PC]));
    for (const delay of [1234, 99999, 400001]) {
      alarm.schedule(delay);
      pico.run(1e6);
    }
  }
  assert.deepEqual(fired.slice(0, 3), fired.slice(3));
});

const EDGES = [0, 1, 2, 31, 32, 33, 255, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff];
const ALU = [
  ...Array.from({ length: 16 }, (_, i) => 0x4008 | (i << 6)), // r0 op= r1
  ...[0x1840, 0x1a40, 0x0008, 0x0048, 0x07c8, 0x0808, 0x0848, 0x0fc8, 0x1008, 0x1048, 0x17c8], // three operands, shifts
  ...[0xb208, 0xb248, 0xb288, 0xb2c8, 0xba08, 0xba48, 0xbac8, 0x4408, 0x4508],
];

/** Registers and flags after `op` and a branch back to it, for all pairs of edge values and both carries. */
function edgeResults(op, options) {
  const pico = machine([op, 0xe7fd], options);
  const { core } = pico.mcu;
  const results = [];
  for (const a of EDGES) {
    for (const b of EDGES) {
      for (const carry of [false, true]) {
        [core.registers[0], core.registers[1], core.registers[15], core.C] = [a, b, CODE, carry];
        pico.run(3 * 8);
        results.push([a, b, carry, core.registers[0], core.N, core.Z, core.C, core.V].join(' '));
      }
    }
  }
  return results;
}

for (const op of ALU) {
  test(`halfword ${op.toString(16)} on edge values: translated = interpreted`, () => {
    assert.deepEqual(edgeResults(op, { hot: 1 }), edgeResults(op, { fast: false }));
  });
}
