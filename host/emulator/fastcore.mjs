// The fast executor: hot code runs translated (translate.mjs), everything else in rp2040js's interpreter.
//
// Same registers, flags, memory and cycles as the interpreter at every point where the outside looks.
// Interrupts become pending only by an alarm, of which `limit` takes care, or by an access to a peripheral, which
// the interpreter does; so they need no check inside translated code.
import { translate } from './translate.mjs';

export const HOT = 4000; // arrivals at an address before it is translated: V8 needs milliseconds for each region
const FLASH = { base: 0x10000000, size: 2 * 1024 * 1024 };
const SRAM = { base: 0x20000000, size: 264 * 1024 };
const ROM = { base: 0, size: 16 * 1024 };

/** Cycle counts inside translated code are int32: leave long before they overflow, relative to `origin`. */
const MAX_RUN_CYCLES = 1e9;

/** One executable area: what is translated there, by halfword. */
class Area {
  constructor({ base, size }) {
    this.base = base;
    this.size = size;
    this.heat = new Uint16Array(size >> 1);
    this.regions = new Array(size >> 1).fill(null); // region entered at this halfword
    this.blocks = new Uint16Array(size >> 1); // and the number of its block there
  }
}

class CodeCache {
  constructor(mcu, hot) {
    this.mcu = mcu;
    this.hot = hot;
    this.areas = [FLASH, SRAM, ROM].map((range) => new Area(range));
    this.codeWords = new Uint8Array(SRAM.size >> 2); // how many regions (up to 255) were made from each SRAM word
    this.live = new Set();
    this.frame = { start: 0, ioCycles: 0 }; // cycle at which the running region was entered; cost of its last IO access
    this.views = this.makeViews();
    this.memory = this.makeMemory();
  }

  makeViews() {
    const { mcu } = this;
    const [sram, flash] = [mcu.sram.buffer, mcu.flash.buffer];
    return {
      core: mcu.core,
      FRAME: this.frame,
      SIO: (address) => mcu.sio.readUint32(address & 0xfffffff),
      IOR: (address, cycle) => this.accessIo(address, cycle, () => mcu.core.readUint32(address), false),
      IOW: (address, value, cycle) => this.accessIo(address, cycle, () => mcu.core.writeUint32(address, value >>> 0), true),
      R: new Int32Array(mcu.core.registers.buffer),
      CODE: this.codeWords,
      S32: new Int32Array(sram),
      S16: new Uint16Array(sram),
      T16: new Int16Array(sram),
      S8: new Uint8Array(sram),
      T8: new Int8Array(sram),
      F32: new Int32Array(flash),
      F16: new Uint16Array(flash),
      G16: new Int16Array(flash),
      F8: new Uint8Array(flash),
      G8: new Int8Array(flash),
    };
  }

  /** A peripheral sees the cycle at which the instruction begins; what it adds to it (SIO's divider) counts too. */
  accessIo(address, cycle, access, isWrite) {
    const { core } = this.mcu;
    const begin = (core.cycles = this.frame.start + cycle);
    const value = access();
    this.frame.ioCycles = core.cycles - begin + 1 + core.cyclesIO(address, isWrite);
    return value;
  }

  makeMemory() {
    const { mcu } = this;
    return {
      halfword: (address) => mcu.readUint16(address),
      word: (address) => mcu.readUint32(address),
      isSram: (address) => address >= SRAM.base && address < SRAM.base + SRAM.size,
      sameArea: (a, b) => this.area(a) !== null && this.area(a) === this.area(b),
    };
  }

  area(pc) {
    for (const area of this.areas) if (pc >= area.base && pc < area.base + area.size) return area;
    return null;
  }

  /** Count an arrival at `pc`; the region there once it is hot. */
  arrive(area, slot, pc) {
    if (area.heat[slot] < this.hot) {
      area.heat[slot]++;
      return null;
    }
    area.heat[slot] = 0; // if this cannot be translated, do not try at every arrival
    const region = translate(this.memory, pc, area, this.views);
    if (region) this.add(area, region);
    return region;
  }

  add(area, region) {
    this.live.add(region);
    region.area = area;
    for (const [pc, number] of region.entries) {
      const slot = (pc - area.base) >> 1;
      if (area.regions[slot]) continue;
      area.regions[slot] = region;
      area.blocks[slot] = number;
    }
    this.markWords(region, 1);
  }

  markWords(region, step) {
    if (region.area.base !== SRAM.base) return;
    for (const [start, end] of region.spans) {
      for (let word = (start - SRAM.base) >> 2; word <= (end - 1 - SRAM.base) >> 2; word++) this.codeWords[word] += step;
    }
  }

  /** Memory at [address, address + size) has changed: forget what was made from it. */
  invalidate(address, size) {
    const touches = ([start, end]) => start < address + size && end > address;
    for (const region of this.live) {
      const stale = region.spans.some(touches) || region.constants.some((constant) => touches([constant, constant + 4]));
      if (stale) this.remove(region);
    }
  }

  remove(region) {
    this.live.delete(region);
    const { area } = region;
    for (const pc of region.entries.keys()) {
      const slot = (pc - area.base) >> 1;
      if (area.regions[slot] === region) area.regions[slot] = null;
    }
    this.markWords(region, -1);
  }
}

/** Stores by the interpreter and by DMA to translated words invalidate them. */
function watchStores(mcu, cache) {
  const { codeWords } = cache;
  for (const target of [mcu, mcu.core]) {
    for (const bits of [8, 16, 32]) {
      const name = `writeUint${bits}`;
      const write = target[name].bind(target);
      target[name] = (address, value) => {
        write(address, value);
        const offset = (address >>> 0) - SRAM.base;
        if (offset >= 0 && offset < SRAM.size && codeWords[offset >> 2]) cache.invalidate(address & ~3, 4);
      };
    }
  }
}

/** hot: arrivals at an address before it is translated. */
export function fastExecutor(mcu, hot = HOT) {
  const { core, clock } = mcu;
  const cache = new CodeCache(mcu, hot);
  watchStores(mcu, cache);
  const [flash, sram, rom] = cache.areas;
  const registers = core.registers;

  const areaOf = (pc) => (pc >>> 28 === 1 ? flash : pc >>> 28 === 2 ? sram : rom);
  let arrived = true; // control came here by a branch, so the address may be a block's start

  function step() {
    const before = registers[15];
    core.executeInstruction();
    const moved = registers[15] - before;
    if (moved !== 2 && moved !== 4) arrived = true;
  }

  /** Run translated code from `pc` if there is any. Returns whether it made progress. */
  function runRegion(pc, limit) {
    const area = areaOf(pc);
    const slot = (pc - area.base) >>> 1;
    let region = area.regions[slot];
    if (!region) {
      if (!arrived || slot >= area.regions.length) return false;
      arrived = false;
      region = cache.arrive(area, slot, pc);
      if (!region) return false;
    }
    // Where translated code ends is a place to begin again: also after the instruction it left to the interpreter.
    arrived = true;
    const start = (cache.frame.start = core.cycles);
    const spent = region.run(area.blocks[slot], Math.min(limit - start, MAX_RUN_CYCLES), 0);
    core.cycles = start + spent;
    return spent > 0;
  }

  return {
    cache,
    invalidate: (address, size) => cache.invalidate(address, size),
    run(stopCycle) {
      for (;;) {
        const limit = Math.min(stopCycle, clock.dueCycle);
        if (core.cycles >= limit || core.waiting) return;
        if (core.interruptsUpdated && core.checkForInterrupts()) core.waiting = false;
        // An exception vector leaves bit 0 of the program counter set.
        if (!runRegion((registers[15] & ~1) >>> 0, limit)) step();
      }
    },
  };
}
