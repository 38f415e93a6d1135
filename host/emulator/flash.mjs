// SPI-NOR flash behind the SSI, which rp2040js leaves out: erase, program, status and identification.
//
// The boot ROM's flash routines talk to the chip through SSI data register 0 and frame each command by
// forcing chip select in IO_QSPI. Erase and program take no emulated time: busy is never reported.
import { BasePeripheral } from 'rp2040js';

export const SECTOR_BYTES = 4096;
export const BLOCK_BYTES = 65536;
export const PAGE_BYTES = 256;

const CMD = {
  WRITE_STATUS: 0x01,
  PROGRAM: 0x02,
  READ: 0x03,
  WRITE_DISABLE: 0x04,
  READ_STATUS1: 0x05,
  WRITE_ENABLE: 0x06,
  ERASE_SECTOR: 0x20,
  READ_STATUS2: 0x35,
  UNIQUE_ID: 0x4b,
  JEDEC_ID: 0x9f,
  ERASE_BLOCK: 0xd8,
};
const JEDEC_W25Q16 = [0xef, 0x40, 0x15];
const UNIQUE_ID = [0xe6, 0x60, 0x54, 0x69, 0x6e, 0x79, 0x4d, 0x4c];
const STATUS1_WEL = 2;
const STATUS2_QE = 2;
const IDLE = 0xff;

/** The chip: bytes shifted in and out while selected, applied to `memory` when deselected. */
export class NorFlash {
  /** onChange(offset, length) is told which bytes may differ after an erase or a program. */
  constructor(memory, onChange = () => {}) {
    this.memory = memory;
    this.onChange = onChange;
    this.received = [];
    this.writeEnabled = false;
    this.selected = true; // the boot ROM releases the pin before its first command
    this.counts = { erase: 0, program: 0 };
  }

  select(on) {
    if (on && !this.selected) this.received = [];
    if (!on && this.selected) this.finishCommand();
    this.selected = on;
  }

  /** One byte each way; returns what the chip drives while `byte` is clocked in. */
  transfer(byte) {
    if (!this.selected) return IDLE;
    const position = this.received.push(byte) - 1;
    if (position === 0) {
      this.setWriteEnable(byte);
      return IDLE;
    }
    return this.output(this.received[0], position);
  }

  setWriteEnable(command) {
    if (command === CMD.WRITE_ENABLE) this.writeEnabled = true;
    if (command === CMD.WRITE_DISABLE) this.writeEnabled = false;
  }

  output(command, position) {
    switch (command) {
      case CMD.READ_STATUS1:
        return this.writeEnabled ? STATUS1_WEL : 0;
      case CMD.READ_STATUS2:
        return STATUS2_QE;
      case CMD.JEDEC_ID:
        return JEDEC_W25Q16[position - 1] ?? 0;
      case CMD.UNIQUE_ID: // four dummy bytes, then eight of identity
        return position >= 5 ? UNIQUE_ID[(position - 5) & 7] : IDLE;
      case CMD.READ:
        return position >= 4 ? this.memory[this.address() + position - 4] : IDLE;
    }
    return IDLE;
  }

  address() {
    return (this.received[1] << 16) | (this.received[2] << 8) | this.received[3];
  }

  finishCommand() {
    const [command] = this.received;
    const complete = this.received.length >= 4;
    if (command === CMD.ERASE_SECTOR && complete) this.erase(SECTOR_BYTES);
    else if (command === CMD.ERASE_BLOCK && complete) this.erase(BLOCK_BYTES);
    else if (command === CMD.PROGRAM && complete) this.program();
    else if (command === CMD.WRITE_STATUS) this.writeEnabled = false;
    this.received = [];
  }

  erase(size) {
    if (!this.writeEnabled) return;
    const start = this.address() & ~(size - 1);
    this.memory.fill(0xff, start, start + size);
    this.counts.erase++;
    this.writeEnabled = false;
    this.onChange(start, size);
  }

  /** Programming clears bits only and wraps inside its 256-byte page, as the data sheet says. */
  program() {
    if (!this.writeEnabled) return;
    const start = this.address();
    const page = start & ~(PAGE_BYTES - 1);
    for (let i = 4; i < this.received.length; i++) {
      this.memory[page | ((start + i - 4) & (PAGE_BYTES - 1))] &= this.received[i];
    }
    this.counts.program++;
    this.writeEnabled = false;
    this.onChange(page, PAGE_BYTES);
  }
}

const SSI_SSIENR = 0x08;
const SSI_TXFLR = 0x20;
const SSI_RXFLR = 0x24;
const SSI_SR = 0x28;
const SSI_DR0 = 0x60;
const SR_TX_NOT_FULL_AND_EMPTY = 0x06;
const SR_RX_NOT_EMPTY = 0x08;

/** The SSI controller as far as the boot ROM and the SDK use it; other registers just hold their value. */
export class FlashSsi extends BasePeripheral {
  constructor(mcu, chip) {
    super(mcu, 'SSI');
    this.chip = chip;
    this.receiveFifo = [];
    this.registers = new Map();
  }

  readUint32(offset) {
    switch (offset) {
      case SSI_TXFLR:
        return 0;
      case SSI_RXFLR:
        return this.receiveFifo.length;
      case SSI_SR:
        return SR_TX_NOT_FULL_AND_EMPTY | (this.receiveFifo.length ? SR_RX_NOT_EMPTY : 0);
      case SSI_DR0:
        return this.receiveFifo.shift() ?? 0;
    }
    return this.registers.get(offset) ?? 0;
  }

  writeUint32(offset, value) {
    if (offset === SSI_DR0) {
      if (this.registers.get(SSI_SSIENR)) this.receiveFifo.push(this.chip.transfer(value & 0xff));
      return;
    }
    if (offset === SSI_SSIENR && !value) this.receiveFifo = [];
    this.registers.set(offset, value);
  }
}

const QSPI_SS_CTRL = 0x0c;
const OUTOVER_SHIFT = 8;
const OUTOVER_HIGH = 3; // chip select is active low: driven high means released
const GPIO_CTRL_RESET = 0x1f;

/** IO_QSPI: only the chip-select override has an effect. */
export class QspiPads extends BasePeripheral {
  constructor(mcu, chip) {
    super(mcu, 'IO_QSPI');
    this.chip = chip;
    this.registers = new Map();
  }

  readUint32(offset) {
    const isControl = offset < 0x30 && offset & 4;
    return this.registers.get(offset) ?? (isControl ? GPIO_CTRL_RESET : 0);
  }

  writeUint32(offset, value) {
    this.registers.set(offset, value);
    if (offset === QSPI_SS_CTRL) this.chip.select(((value >> OUTOVER_SHIFT) & 3) !== OUTOVER_HIGH);
  }
}

const XIP_STAT = 0x08;
const STAT_FIFO_EMPTY_AND_FLUSHED = 0x3;

/** XIP cache control: there is no cache, so a flush is done at once. */
export class XipControl extends BasePeripheral {
  constructor(mcu) {
    super(mcu, 'XIP_CTRL');
    this.enable = 0x3;
  }

  readUint32(offset) {
    return offset === XIP_STAT ? STAT_FIFO_EMPTY_AND_FLUSHED : offset === 0 ? this.enable : 0;
  }

  writeUint32(offset, value) {
    if (offset === 0) this.enable = value;
  }
}
