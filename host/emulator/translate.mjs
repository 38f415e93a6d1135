// From Thumb code to one JavaScript function per region: the basic blocks reachable from an entry by direct branches.
//
// A region's function has the shape
//   (i, limit) => { load state; for (;;) switch (i) { case 0: block; case 1: ... } store state }
// so loops, also nested ones, run inside it with the registers in locals. Each block begins by checking that it can
// end by cycle `limit`; what happens at that cycle (an alarm, the end of a slice) is therefore seen at exactly the
// instruction at which the interpreter would see it. A block also leaves, before the instruction in question, for
// memory that is neither SRAM nor flash and for stores to words that hold translated code.
import { emit } from './thumb.mjs';

const MAX_INSTRUCTIONS = 256; // V8 does not optimise very long functions
const MAX_WITH_CALLEES = 96; // called functions join small regions only: V8's work grows faster than the gain
const MAX_BLOCK_INSTRUCTIONS = 24; // a block is run by the interpreter when it might not end by the limit
const REGISTERS = 15;

/** One basic block being translated: statements, cycles so far, and how it ends. */
class Block {
  constructor(memory, pc) {
    this.memory = memory;
    this.pc = pc;
    this.here = pc; // instruction being translated
    this.cycles = 0;
    this.statements = [];
    this.end = null; // the last instruction's emitter result, null to fall through to `next`
    this.next = pc; // address after the last instruction
    this.constants = []; // addresses of literals folded in
  }

  halfword(address) {
    return this.memory.halfword(address);
  }

  /** Leave before the present instruction. */
  exit() {
    return `cy=cy+${this.cycles}|0;pc=${this.here | 0};break L;`;
  }

  /** Expression for the cycle, since the region was entered, at which the present instruction begins. */
  now() {
    return `cy+${this.cycles}|0`;
  }

  /** Leave after the present 16-bit instruction, an access to a peripheral, which says how many cycles it took. */
  leaveAfterIo() {
    return `cy=cy+${this.cycles}+FRAME.ioCycles|0;pc=${(this.here + 2) | 0};break L;`;
  }

  /** Expression for the literal at `address`: a constant where memory is read-only. */
  literal(address) {
    if (this.memory.isSram(address)) return `S32[${(address - 0x20000000) >>> 2}]`;
    this.constants.push(address);
    return `${this.memory.word(address) | 0}`;
  }

  translate(limit, isLeader) {
    for (let count = 0; count < limit; count++) {
      this.here = this.next;
      if (count && isLeader(this.here)) return count;
      const result = emit(this.here, this);
      if (result === null) {
        this.end = { stop: true };
        return count;
      }
      this.next = this.here + result.size;
      this.statements.push(result.code);
      this.cycles += result.cycles;
      if (result.target !== undefined || result.call !== undefined || result.leave) {
        this.end = result;
        return count + 1;
      }
    }
    return limit;
  }

  /** Addresses at which the program may go on in this region. */
  successors() {
    const { end } = this;
    if (!end) return [this.next];
    if (end.condition) return [end.target, this.next];
    if (end.target !== undefined) return [end.target];
    return end.call !== undefined || end.returns ? [this.next] : [];
  }
}

/** Blocks by address, found breadth-first from `entry`; called functions only after the function itself. */
function findBlocks(memory, entry) {
  const blocks = new Map();
  const queue = [entry];
  const calls = [];
  let count = 0;
  while (count < (queue.length ? MAX_INSTRUCTIONS : MAX_WITH_CALLEES) && queue.length + calls.length) {
    const pc = queue.length ? queue.shift() : calls.shift();
    if (blocks.has(pc) || !memory.sameArea(entry, pc)) continue;
    const block = new Block(memory, pc);
    count += block.translate(MAX_BLOCK_INSTRUCTIONS, (address) => blocks.has(address));
    if (block.next === pc) continue; // not even one instruction: the interpreter's
    blocks.set(pc, block);
    queue.push(...block.successors());
    if (block.end?.call !== undefined) calls.push(block.end.call);
  }
  return blocks;
}

/** Statements that go from block number `from` to `target`. */
function jump(target, from, numbers) {
  const to = numbers.get(target);
  if (to === undefined) return `pc=${target | 0};break L;`;
  return to === from + 1 ? '' : `i=${to};continue;`;
}

/** After a computed jump, such as a return: go on in this region when the address is one of its blocks. */
const STAY_IF_HERE = 'x=pc-BASE>>>1;if(x<REGIONS.length&&REGIONS[x]===SELF.region){i=BLOCKS[x];continue;}break L;';

function blockCode(block, number, numbers) {
  const { end, cycles } = block;
  const worst = cycles + (end?.condition ? 1 : 0);
  const body = `case ${number}:if(cy+${worst}>limit){pc=${block.pc | 0};break L;}${block.statements.join('\n')}`;
  const spent = `cy=cy+${cycles}|0;`;
  if (!end || end.stop) return `${body}${spent}${jump(block.next, number, numbers)}`;
  if (end.leave) return `${body}${spent}${STAY_IF_HERE}`;
  if (end.call !== undefined) return `${body}${spent}${jump(end.call, -2, numbers)}`;
  if (!end.condition) return `${body}${spent}${jump(end.target, -2, numbers)}`;
  const taken = `if(${end.condition}){cy=cy+${worst}|0;${jump(end.target, -2, numbers)}}`;
  return `${body}${taken}${spent}${jump(block.next, number, numbers)}`;
}

function source(blocks, numbers) {
  const cases = blocks.map((block, number) => blockCode(block, number, numbers)).join('\n');
  const used = Array.from({ length: REGISTERS }, (_, n) => n).filter((n) => new RegExp(`\\br${n}\\b`).test(cases));
  const load = used.map((n) => `r${n}=R[${n}]`).join(',');
  const keep = used.map((n) => `R[${n}]=r${n};`).join('');
  return `return (i,limit,cy)=>{
let t=0,x=0,y=0,pc=0${load ? ',' + load : ''};
let f=core.N?-1:core.Z?0:1,c=core.C?1:0,v=core.V?1:0;
L:for(;;){switch(i){
${cases}
}}
${keep}R[15]=pc;core.N=f<0;core.Z=f===0;core.C=c!==0;core.V=v!==0;
return cy;}`;
}

/**
 * The region entered at `entry`: {run(i, limit, cycles) -> cycles, entries: Map of address -> i, spans, constants},
 * or null when its first instruction is not translatable. `area` is where it will be entered in (fastcore.mjs);
 * `views` gives the names that emitted code uses.
 */
export function translate(memory, entry, area, views) {
  const found = findBlocks(memory, entry);
  if (!found.has(entry)) return null;
  const blocks = [...found.values()].sort((a, b) => a.pc - b.pc);
  const numbers = new Map(blocks.map((block, number) => [block.pc, number]));
  const self = { region: null };
  const scope = { ...views, BASE: area.base, REGIONS: area.regions, BLOCKS: area.blocks, SELF: self };
  const make = new Function(...Object.keys(scope), source(blocks, numbers));
  self.region = {
    run: make(...Object.values(scope)),
    entries: numbers,
    spans: blocks.map((block) => [block.pc, block.next]),
    constants: blocks.flatMap((block) => block.constants),
  };
  return self.region;
}
