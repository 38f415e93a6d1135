// ARMv6-M instructions as JavaScript statements: the emitters that translate.mjs strings together.
//
// State of translated code, all int32 locals: r0..r14; f, whose sign is N and whose zeroness is Z; c and v, 0 or 1.
// Semantics and cycles are those of rp2040js's interpreter, which fastcore.test.mjs holds them against. Instructions
// without an emitter (system registers, hints, exceptions) end a block and run in the interpreter.

const SRAM_BASE = 0x20000000;
const FLASH_BASE = 0x10000000;
const SRAM_BYTES = 264 * 1024;
const FLASH_BYTES = 16 * 1024 * 1024;

const low = (op) => op & 7;
const mid = (op) => (op >> 3) & 7;
const high = (op) => (op >> 6) & 7;
const top = (op) => (op >> 8) & 7;
const imm5 = (op) => (op >> 6) & 31;
const imm8 = (op) => op & 255;
const r = (n) => `r${n}`;

/** Register operand that may be the program counter, which reads as the instruction's address + 4. */
const operand = (n, pc) => (n === 15 ? `${(pc + 4) | 0}` : r(n));

// --- arithmetic and logic -------------------------------------------------------------------------------------

const addFlags = (a, b, c) => `t=${a};x=${b};f=t+x|0;c=${c ?? '(f>>>0)<(t>>>0)?1:0'};v=((t^f)&(x^f))>>>31;`;
const subFlags = (a, b, c) => `t=${a};x=${b};f=t-x|0;c=${c ?? '(t>>>0)>=(x>>>0)?1:0'};v=((t^x)&(t^f))>>>31;`;

const setAdd = (d, a, b) => ({ code: `${addFlags(a, b)}${d}=f;` });
const setSub = (d, a, b) => ({ code: `${subFlags(a, b)}${d}=f;` });
const setNz = (d, expression) => ({ code: `f=${expression};${d}=f;` });
const plain = (code) => ({ code });

function adc(op) {
  const [d, m] = [r(low(op)), r(mid(op))];
  return plain(`y=${d};${addFlags(m, `y+c|0`, '(t>>>0)+(y>>>0)+c>4294967295?1:0')}${d}=f;`);
}

function sbc(op) {
  const [d, m] = [r(low(op)), r(mid(op))];
  return plain(`y=${m};${subFlags(d, `y+1-c|0`, '(t>>>0)>=(y>>>0)+1-c?1:0')}${d}=f;`);
}

function lslImm(op) {
  const [n, d, m] = [imm5(op), r(low(op)), r(mid(op))];
  return plain(n ? `c=${m}>>>${32 - n}&1;f=${m}<<${n};${d}=f;` : `f=${m};${d}=f;`);
}

function lsrImm(op) {
  const [n, d, m] = [imm5(op), r(low(op)), r(mid(op))];
  return plain(n ? `c=${m}>>>${n - 1}&1;f=${m}>>>${n}|0;${d}=f;` : `c=${m}>>>31;f=0;${d}=0;`);
}

function asrImm(op) {
  const [n, d, m] = [imm5(op), r(low(op)), r(mid(op))];
  return plain(n ? `c=${m}>>>${n - 1}&1;f=${m}>>${n};${d}=f;` : `c=${m}>>>31;f=${m}>>31;${d}=f;`);
}

// For amounts of 0 and above 32 the carry follows rp2040js, not the architecture: hot and cold code must agree.
const SHIFT_BY_REGISTER = {
  lsl: 'c=y?x>>>(32-y&31)&1:c;f=y<32?x<<y:0;',
  lsr: 'c=y<=32?x>>>(y-1&31)&1:0;f=y<32?x>>>y|0:0;',
  asr: 'y=y<32?y:32;c=x>>>(y-1&31)&1;f=y<32?x>>y:x>>31;',
  ror: 'f=x>>>(y&31)|x<<(32-y&31);c=f>>>31;',
};

const shiftReg = (kind) => (op) => {
  const d = r(low(op));
  return plain(`x=${d};y=${r(mid(op))}&255;${SHIFT_BY_REGISTER[kind]}${d}=f;`);
};

const destinationHigh = (op) => (op & 7) | ((op >> 4) & 8);

function movHigh(op, pc) {
  const [d, m] = [destinationHigh(op), (op >> 3) & 15];
  if (d === 15) return m === 15 ? null : { code: `pc=${r(m)}&-2;`, cycles: 2, leave: true };
  return plain(d === 13 ? `r13=${operand(m, pc)}&-4;` : `${r(d)}=${operand(m, pc)};`);
}

function addHigh(op, pc) {
  const d = destinationHigh(op);
  if (d === 15) return null;
  return plain(`${r(d)}=${r(d)}+${operand((op >> 3) & 15, pc)}${d === 13 ? '&-4' : '|0'};`);
}

function cmpHigh(op) {
  const [n, m] = [destinationHigh(op), (op >> 3) & 15];
  return n === 15 || m === 15 ? null : plain(subFlags(r(n), r(m)));
}

const REV = {
  0: (m) => `${m}<<24|${m}<<8&0xff0000|${m}>>>8&0xff00|${m}>>>24`,
  1: (m) => `${m}<<8&0xff00ff00|${m}>>>8&0xff00ff`,
  3: (m) => `(${m}<<8&0xff00|${m}>>>8&255)<<16>>16`,
};

// --- memory ---------------------------------------------------------------------------------------------------

// Rotating the offset right by log2(width) turns "aligned and inside" into one unsigned comparison.
const index = (base, shift) => (shift ? `x=t-${base}|0;x=(x>>>${shift}|x<<${32 - shift})>>>0;` : `x=t-${base}>>>0;`);

const LOADS = {
  ldr: ['S32', 'F32', 2],
  ldrh: ['S16', 'F16', 1],
  ldrb: ['S8', 'F8', 0],
  ldrsh: ['T16', 'G16', 1],
  ldrsb: ['T8', 'G8', 0],
};

/** Reads of single-cycle IO depend on no time and start nothing: the block goes on, one cycle ahead of memory. */
const loadSio = (d) => `if(t>>>28===13&&(t&3)===0){${d}=SIO(t);cy=cy-1|0;}else `;

/** Any other peripheral: do the access at its cycle, then leave, for it may have raised an interrupt or set an alarm. */
const loadIo = (d, block) => `if(t>>>30!==0&&(t&3)===0){${d}=IOR(t,${block.now()});${block.leaveAfterIo()}}else `;
const storeIo = (s, block) => `if(t>>>30!==0&&(t&3)===0){IOW(t,${s},${block.now()});${block.leaveAfterIo()}}else `;

/** SRAM, else flash, else a peripheral; what would fault is the interpreter's. */
function load(kind, d, address, block) {
  const [sram, flash, shift] = LOADS[kind];
  const code =
    `t=${address}|0;${index(SRAM_BASE, shift)}if(x<${SRAM_BYTES >> shift})${d}=${sram}[x];else{` +
    `${index(FLASH_BASE, shift)}if(x<${FLASH_BYTES >> shift})${d}=${flash}[x];else ` +
    `${kind === 'ldr' ? loadSio(d) + loadIo(d, block) : ''}{${block.exit()}}}`;
  return { code, cycles: 2 };
}

const STORES = { str: ['S32', 2], strh: ['S16', 1], strb: ['S8', 0] };

/** SRAM words that hold no translated code, else a peripheral; anything else is the interpreter's. */
function store(kind, s, address, block) {
  const [sram, shift] = STORES[kind];
  const word = shift === 2 ? 'x' : `x>>>${2 - shift}`;
  const code =
    `t=${address}|0;${index(SRAM_BASE, shift)}if(x<${SRAM_BYTES >> shift}&&CODE[${word}]===0)${sram}[x]=${s};else ` +
    `${kind === 'str' ? storeIo(s, block) : ''}{${block.exit()}}`;
  return { code, cycles: 2 };
}

const offsetImm = (op, scale) => `${r(mid(op))}+${imm5(op) << scale}`;
const offsetReg = (op) => `${r(mid(op))}+${r(high(op))}`;
const offsetSp = (op) => `r13+${imm8(op) << 2}`;
const loadAt = (kind, address) => (op, pc, block) => load(kind, r(low(op)), address(op), block);
const storeAt = (kind, address) => (op, pc, block) => store(kind, r(low(op)), address(op), block);

function loadLiteral(op, pc, block) {
  const address = ((pc + 4) & ~3) + (imm8(op) << 2);
  return { code: `${r(top(op))}=${block.literal(address)};`, cycles: 2 };
}

const registersIn = (list) => [0, 1, 2, 3, 4, 5, 6, 7].filter((n) => list & (1 << n));

/** `count` words from t on: x becomes the index of the first, or the block is left. */
const wordsInSram = (count, block, extra = '') =>
  `${index(SRAM_BASE, 2)}if(x>${(SRAM_BYTES >> 2) - count}${extra}){${block.exit()}}`;

function loadMultiple(op, pc, block) {
  const [base, list] = [top(op), registersIn(op)];
  if (!list.length) return null;
  const assign = (memory) => list.map((n, i) => `${r(n)}=${memory}[x+${i}];`).join('');
  const writeBack = list.includes(base) ? '' : `${r(base)}=t+${4 * list.length}|0;`;
  const limit = (bytes) => (bytes >> 2) - list.length;
  const code =
    `t=${r(base)};${index(SRAM_BASE, 2)}if(x<=${limit(SRAM_BYTES)}){${assign('S32')}}else{` +
    `${index(FLASH_BASE, 2)}if(x<=${limit(FLASH_BYTES)}){${assign('F32')}}else{${block.exit()}}}${writeBack}`;
  return { code, cycles: 1 + list.length };
}

const noCode = (count) => '||(' + Array.from({ length: count }, (_, i) => `CODE[x+${i}]`).join('|') + ')!==0';

function storeMultiple(op, pc, block) {
  const [base, list] = [top(op), registersIn(op)];
  if (!list.length) return null;
  const stores = list.map((n, i) => `S32[x+${i}]=${r(n)};`).join('');
  const writeBack = list.includes(base) ? '' : `${r(base)}=t+${4 * list.length}|0;`;
  const code = `t=${r(base)};${wordsInSram(list.length, block, noCode(list.length))}${stores}${writeBack}`;
  return { code, cycles: 1 + list.length };
}

function push(op, pc, block) {
  const list = registersIn(op);
  const cycles = 1 + list.length; // rp2040js does not count lr
  if (op & 256) list.push(14);
  if (!list.length) return null;
  const stores = list.map((n, i) => `S32[x+${i}]=${r(n)};`).join('');
  const code = `t=r13-${4 * list.length}|0;${wordsInSram(list.length, block, noCode(list.length))}${stores}r13=t;`;
  return { code, cycles };
}

function pop(op, pc, block) {
  const list = registersIn(op);
  const withPc = (op & 256) !== 0;
  const count = list.length + (withPc ? 1 : 0);
  if (!count) return null;
  const loads = list.map((n, i) => `${r(n)}=S32[x+${i}];`).join('');
  const done = `r13=t+${4 * count}|0;`;
  const check = `t=r13;${wordsInSram(count, block)}`;
  if (!withPc) return { code: `${check}${loads}${done}`, cycles: 1 + list.length };
  // An exception return is the interpreter's: look before anything is changed.
  const target = `y=S32[x+${list.length}];if(y>>>28===15){${block.exit()}}`;
  return { code: `${check}${target}${loads}${done}pc=y&-2;`, cycles: 3 + list.length, leave: true };
}

// --- branches -------------------------------------------------------------------------------------------------

const CONDITIONS = [
  'f===0', 'f!==0', 'c!==0', 'c===0', 'f<0', 'f>=0', 'v!==0', 'v===0',
  'c!==0&&f!==0', 'c===0||f===0', '(f<0)===(v!==0)', '(f<0)!==(v!==0)', 'f!==0&&(f<0)===(v!==0)', 'f===0||(f<0)!==(v!==0)',
];

const branchIf = (op, pc) => ({
  condition: CONDITIONS[(op >> 8) & 15],
  target: pc + 4 + ((op << 24) >> 23),
  cycles: 1,
});

const branch = (op, pc) => ({ target: pc + 4 + ((op << 21) >> 20), cycles: 2 });

/** Target of a BL whose second halfword is `op2`, or null when it is another wide instruction. */
function branchLink(op, pc, block) {
  const op2 = block.halfword(pc + 2);
  if ((op2 & 0xd000) !== 0xd000) return null;
  const s = (op >> 10) & 1;
  const i1 = 1 ^ s ^ ((op2 >> 13) & 1);
  const i2 = 1 ^ s ^ ((op2 >> 11) & 1);
  const offset = (s ? 0xff000000 : 0) | (i1 << 23) | (i2 << 22) | ((op & 0x3ff) << 12) | ((op2 & 0x7ff) << 1);
  return { code: `r14=${(pc + 4) | 1};`, call: pc + 4 + offset, cycles: 3, size: 4 };
}

const guardExceptionReturn = (m, block) => `if(${r(m)}>>>28===15){${block.exit()}}`;

function bx(op, pc, block) {
  const m = (op >> 3) & 15;
  if (m === 15) return null;
  return { code: `${guardExceptionReturn(m, block)}pc=${r(m)}&-2;`, cycles: 2, leave: true };
}

function blx(op, pc) {
  const m = (op >> 3) & 15;
  if (m >= 14) return null;
  return { code: `pc=${r(m)}&-2;r14=${(pc + 2) | 1};`, cycles: 2, leave: true, returns: true };
}

// --- system ---------------------------------------------------------------------------------------------------

const PRIMASK = 0x10;

/** Interrupts may be taken before the next instruction, so leave. */
const setPrimask = (value, pc, size, cycles) => ({
  code: `core.PM=${value};core.interruptsUpdated=true;pc=${(pc + size) | 0};`,
  cycles,
  size,
  leave: true,
  returns: true,
});

function readPrimask(op, pc, block) {
  const op2 = block.halfword(pc + 2);
  if ((op2 & 0xf0ff) !== (0x8000 | PRIMASK)) return null;
  return { code: `${r((op2 >> 8) & 15)}=core.PM?1:0;`, cycles: 3, size: 4 };
}

function writePrimask(op, pc, block) {
  if (block.halfword(pc + 2) !== (0x8800 | PRIMASK)) return null;
  return setPrimask(`(${r(op & 15)}&1)!==0`, pc, 4, 3);
}

const barrier = (op, pc, block) => ((block.halfword(pc + 2) & 0xffc0) === 0x8f40 ? { code: '', cycles: 3, size: 4 } : null);

// --- table ----------------------------------------------------------------------------------------------------

const signExtend = (bits) => (op) => plain(`${r(low(op))}=${r(mid(op))}<<${bits}>>${bits};`);
const logic = (sign) => (op) => setNz(r(low(op)), `${r(low(op))}${sign}${r(mid(op))}`);

/** [mask, value, emitter(op, pc, block)]; the first match counts. Cycles are 1 unless the emitter says otherwise. */
const TABLE = [
  [0xf800, 0x0000, lslImm],
  [0xf800, 0x0800, lsrImm],
  [0xf800, 0x1000, asrImm],
  [0xfe00, 0x1800, (op) => setAdd(r(low(op)), r(mid(op)), r(high(op)))],
  [0xfe00, 0x1a00, (op) => setSub(r(low(op)), r(mid(op)), r(high(op)))],
  [0xfe00, 0x1c00, (op) => setAdd(r(low(op)), r(mid(op)), high(op))],
  [0xfe00, 0x1e00, (op) => setSub(r(low(op)), r(mid(op)), high(op))],
  [0xf800, 0x2000, (op) => setNz(r(top(op)), imm8(op))],
  [0xf800, 0x2800, (op) => plain(subFlags(r(top(op)), imm8(op)))],
  [0xf800, 0x3000, (op) => setAdd(r(top(op)), r(top(op)), imm8(op))],
  [0xf800, 0x3800, (op) => setSub(r(top(op)), r(top(op)), imm8(op))],
  [0xffc0, 0x4000, logic('&')],
  [0xffc0, 0x4040, logic('^')],
  [0xffc0, 0x4080, shiftReg('lsl')],
  [0xffc0, 0x40c0, shiftReg('lsr')],
  [0xffc0, 0x4100, shiftReg('asr')],
  [0xffc0, 0x4140, adc],
  [0xffc0, 0x4180, sbc],
  [0xffc0, 0x41c0, shiftReg('ror')],
  [0xffc0, 0x4200, (op) => plain(`f=${r(low(op))}&${r(mid(op))};`)],
  [0xffc0, 0x4240, (op) => setSub(r(low(op)), '0', r(mid(op)))],
  [0xffc0, 0x4280, (op) => plain(subFlags(r(low(op)), r(mid(op))))],
  [0xffc0, 0x42c0, (op) => plain(addFlags(r(low(op)), r(mid(op))))],
  [0xffc0, 0x4300, logic('|')],
  [0xffc0, 0x4340, (op) => setNz(r(low(op)), `Math.imul(${r(low(op))},${r(mid(op))})`)],
  [0xffc0, 0x4380, logic('&~')],
  [0xffc0, 0x43c0, (op) => setNz(r(low(op)), `~${r(mid(op))}`)],
  [0xff00, 0x4400, addHigh],
  [0xff00, 0x4500, cmpHigh],
  [0xff00, 0x4600, movHigh],
  [0xff87, 0x4700, bx],
  [0xff87, 0x4780, blx],
  [0xf800, 0x4800, loadLiteral],
  [0xfe00, 0x5000, storeAt('str', offsetReg)],
  [0xfe00, 0x5200, storeAt('strh', offsetReg)],
  [0xfe00, 0x5400, storeAt('strb', offsetReg)],
  [0xfe00, 0x5600, loadAt('ldrsb', offsetReg)],
  [0xfe00, 0x5800, loadAt('ldr', offsetReg)],
  [0xfe00, 0x5a00, loadAt('ldrh', offsetReg)],
  [0xfe00, 0x5c00, loadAt('ldrb', offsetReg)],
  [0xfe00, 0x5e00, loadAt('ldrsh', offsetReg)],
  [0xf800, 0x6000, storeAt('str', (op) => offsetImm(op, 2))],
  [0xf800, 0x6800, loadAt('ldr', (op) => offsetImm(op, 2))],
  [0xf800, 0x7000, storeAt('strb', (op) => offsetImm(op, 0))],
  [0xf800, 0x7800, loadAt('ldrb', (op) => offsetImm(op, 0))],
  [0xf800, 0x8000, storeAt('strh', (op) => offsetImm(op, 1))],
  [0xf800, 0x8800, loadAt('ldrh', (op) => offsetImm(op, 1))],
  [0xf800, 0x9000, (op, pc, block) => store('str', r(top(op)), offsetSp(op), block)],
  [0xf800, 0x9800, (op, pc, block) => load('ldr', r(top(op)), offsetSp(op), block)],
  [0xf800, 0xa000, (op, pc) => plain(`${r(top(op))}=${(((pc + 4) & ~3) + (imm8(op) << 2)) | 0};`)],
  [0xf800, 0xa800, (op) => plain(`${r(top(op))}=${offsetSp(op)}|0;`)],
  [0xff80, 0xb000, (op) => plain(`r13=r13+${(op & 127) << 2}|0;`)],
  [0xff80, 0xb080, (op) => plain(`r13=r13-${(op & 127) << 2}|0;`)],
  [0xffc0, 0xb200, signExtend(16)],
  [0xffc0, 0xb240, signExtend(24)],
  [0xffc0, 0xb280, (op) => plain(`${r(low(op))}=${r(mid(op))}&65535;`)],
  [0xffc0, 0xb2c0, (op) => plain(`${r(low(op))}=${r(mid(op))}&255;`)],
  [0xfe00, 0xb400, push],
  [0xffc0, 0xba00, (op) => plain(`${r(low(op))}=${REV[0](r(mid(op)))};`)],
  [0xffc0, 0xba40, (op) => plain(`${r(low(op))}=${REV[1](r(mid(op)))};`)],
  [0xffc0, 0xbac0, (op) => plain(`${r(low(op))}=${REV[3](r(mid(op)))};`)],
  [0xfe00, 0xbc00, pop],
  [0xffff, 0xb662, (op, pc) => setPrimask('false', pc, 2, 1)],
  [0xffff, 0xb672, () => plain('core.PM=true;')],
  [0xffff, 0xbf00, () => plain('')],
  [0xffff, 0xbf40, () => plain('')], // SEV: there is no other core
  [0xf800, 0xc000, storeMultiple],
  [0xf800, 0xc800, loadMultiple],
  [0xfe00, 0xde00, () => null], // permanently undefined, SVC
  [0xf000, 0xd000, branchIf],
  [0xf800, 0xe000, branch],
  [0xfff0, 0xf380, writePrimask],
  [0xffff, 0xf3bf, barrier],
  [0xffff, 0xf3ef, readPrimask],
  [0xf800, 0xf000, branchLink],
];

const EMITTERS = new Array(65536).fill(null);
for (const [mask, value, emitter] of TABLE) {
  for (let op = 0; op < 65536; op++) if ((op & mask) === value && !EMITTERS[op]) EMITTERS[op] = emitter;
}

/**
 * Translate the instruction at `pc`. Returns null when the interpreter must run it, else
 * {code, cycles, size} with at most one of: condition + target, target, call (+ return), leave (pc is set by code).
 */
export function emit(pc, block) {
  const op = block.halfword(pc);
  const result = EMITTERS[op]?.(op, pc, block);
  return result ? { code: '', cycles: 1, size: 2, ...result } : null;
}
