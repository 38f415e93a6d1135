// A free-running 32-bit cycle counter that device code reads with one load.
//
// It sits at 0x40068000: RP2040's APB map (data sheet 2.2) has nothing between VREG_AND_CHIP_RESET at
// 0x40064000 and TBMAN at 0x4006c000, so no driver touches it; on a real chip a read there is a bus fault.
// Code that reads it must therefore know that it runs on the emulator (TBMAN's PLATFORM register, 0x4006c000,
// reads 0 here; a real chip reads 1).
//
// A read is an APB load of 4 cycles. Those are taken off again, so the difference of two reads is exactly the
// cycles of the instructions between them: two loads in a row differ by 0.
import { BasePeripheral } from 'rp2040js';

export const COUNTER_ADDRESS = 0x40068000;
export const READ_CYCLES = 4;

export class CycleCounter extends BasePeripheral {
  constructor(mcu) {
    super(mcu, 'CYCLE_COUNTER');
    this.reads = 0;
  }

  readUint32() {
    return (this.rp2040.core.cycles - READ_CYCLES * this.reads++) >>> 0;
  }

  writeUint32() {} // read-only
}

/** TBMAN as a simulation testbench: neither FPGA nor ASIC. */
export class TestbenchManager extends BasePeripheral {
  readUint32() {
    return 0;
  }

  writeUint32() {}
}
