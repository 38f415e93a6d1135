// What the bus of a real RP2040 refuses: unaligned accesses (the Cortex-M0+ has none) and addresses where nothing is.
//
// On the chip each is a HardFault, which MicroPython answers by hanging. Here it stops the machine with an error
// that says where, so that a test shows the cause.

const SRAM = [0x20000000, 0x20042000];

// By the address's top byte: how far the devices there reach.
const MAPPED_BYTES = new Uint32Array(256);
const MAPPED = [
  [0x00, 0x4000], // boot ROM
  [0x10, 0x1000000], // flash, four aliases
  [0x11, 0x1000000],
  [0x12, 0x1000000],
  [0x13, 0x1000000],
  [0x14, 0x4000], // XIP control
  [0x15, 0x4000], // XIP cache as SRAM
  [0x18, 0x4000], // SSI
  [0x20, SRAM[1] - SRAM[0]],
  [0x40, 0x70000], // APB peripherals
  [0x50, 0x500000], // AHB-Lite peripherals, USB
  [0xd0, 0x180], // SIO
  [0xe0, 0x100000], // private peripheral bus
];
for (const [top, bytes] of MAPPED) MAPPED_BYTES[top] = bytes;
const BOOTROM_END = 0x00004000;
const FLASH_END = 0x14000000;

/** An access that HardFaults on a real board. */
export class BusFault extends Error {
  constructor(kind, bits, address, core) {
    const pc = hex(core.PC);
    super(`HardFault: ${kind} ${bits}-bit access to ${hex(address)}, pc about ${pc}, lr ${hex(core.LR)}`);
    this.address = address;
  }
}

const hex = (value) => '0x' + (value >>> 0).toString(16).padStart(8, '0');
const isMapped = (address) => (address & 0xffffff) < MAPPED_BYTES[address >>> 24];

function check(core, address, bits, isWrite) {
  if (address & (bits / 8 - 1)) throw new BusFault(isWrite ? 'unaligned write,' : 'unaligned read,', bits, address, core);
  if (!isMapped(address)) throw new BusFault('access to unmapped address,', bits, address, core);
  if (isWrite && address >= BOOTROM_END && address < FLASH_END) throw new BusFault('write to flash,', bits, address, core);
}

/** Typed arrays of `bits`-wide elements over the same memory as `bytes`. */
function viewOf(bytes, bits) {
  const View = { 8: Uint8Array, 16: Uint16Array, 32: Uint32Array }[bits];
  return new View(bytes.buffer, bytes.byteOffset, bytes.byteLength >> (bits >> 4));
}

/** Put the checks between the core and its memory; SRAM and flash, checked by their index, do without them. */
export function guardBus(mcu) {
  for (const bits of [8, 16, 32]) {
    mcu.core[`readUint${bits}`] = guardedRead(mcu, bits);
    mcu.core[`writeUint${bits}`] = guardedWrite(mcu, bits);
  }
}

function guardedRead(mcu, bits) {
  const [sram, flash] = [viewOf(mcu.sram, bits), viewOf(mcu.flash, bits)];
  const [mask, shift] = [bits / 8 - 1, bits >> 4];
  const read = mcu[`readUint${bits}`].bind(mcu);
  return (address) => {
    address >>>= 0;
    if ((address & mask) === 0) {
      const top = address >>> 24;
      if (top === 0x10) return flash[(address & 0xffffff) >>> shift];
      if (top === 0x20 && address < SRAM[1]) return sram[(address & 0xffffff) >>> shift];
    }
    check(mcu.core, address, bits, false);
    return read(address);
  };
}

function guardedWrite(mcu, bits) {
  const sram = viewOf(mcu.sram, bits);
  const [mask, shift] = [bits / 8 - 1, bits >> 4];
  const write = mcu[`writeUint${bits}`].bind(mcu);
  return (address, value) => {
    address >>>= 0;
    if ((address & mask) === 0 && address >= SRAM[0] && address < SRAM[1]) {
      sram[(address & 0xffffff) >>> shift] = value;
      return;
    }
    check(mcu.core, address, bits, true);
    // The boot ROM ignores writes (TinyUSB makes one through a null pointer); rp2040js would take them.
    if (address >= BOOTROM_END) write(address, value);
  };
}
