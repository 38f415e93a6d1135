// Emulated time, kept by the core's own cycle counter instead of a tick per instruction.
//
// rp2040js's clock wants tick() after every instruction. Here `nanos` follows core.cycles, and `dueCycle` tells
// the executor the first cycle at which an alarm must fire, so nothing has to be done in between.
// The package's index leaves the clock out, hence the path.
import { SimulationClock } from './node_modules/rp2040js/dist/esm/clock/simulation-clock.js';

export const CYCLE_NANOS = 8; // 125 MHz

export class CycleClock extends SimulationClock {
  constructor() {
    super();
    this.core = null;
    this.mark = 0; // core.cycles at which nanosCounter was right
    this.firing = false;
    this.dueCycle = Infinity;
  }

  /** Follow `core` from now on. */
  attach(core) {
    this.core = core;
    this.mark = core.cycles;
    this.updateDue();
  }

  get nanos() {
    if (this.firing || this.core === null) return this.nanosCounter;
    return this.nanosCounter + (this.core.cycles - this.mark) * CYCLE_NANOS;
  }

  linkAlarm(nanos, alarm) {
    const linked = super.linkAlarm(nanos, alarm);
    this.updateDue();
    return linked;
  }

  unlinkAlarm(alarm) {
    const found = super.unlinkAlarm(alarm);
    this.updateDue();
    return found;
  }

  updateDue() {
    const next = this.nextAlarm;
    this.dueCycle = next ? this.mark + Math.ceil((next.nanos - this.nanosCounter) / CYCLE_NANOS) : Infinity;
  }

  /** Fire the alarms that are due by now. */
  catchUp() {
    this.advance((this.core.cycles - this.mark) * CYCLE_NANOS);
  }

  /** The core sleeps: jump to the next alarm, but not beyond `limitNanos`. */
  sleepUntilAlarm(limitNanos) {
    const wake = this.nextAlarm ? Math.max(this.nextAlarm.nanos, this.nanos) : Infinity;
    this.advance(Math.min(wake, limitNanos) - this.nanosCounter);
  }

  advance(nanos) {
    this.firing = true;
    this.tick(nanos);
    this.firing = false;
    this.mark = this.core.cycles;
    this.updateDue();
  }
}
