// The host end of the USB CDC serial port.
//
// rp2040js's USBCDC answers every OUT token, with an empty packet when it has no data: an interrupt each 10 us for
// ever, which disturbs cycle counts. A real host sends nothing when it has nothing; so does this one.
import { USBCDC } from 'rp2040js';

export class SerialConsole {
  constructor() {
    this.onData = () => {};
    this.pending = []; // Buffers not yet taken by the device
    this.offset = 0; // bytes of pending[0] already taken
  }

  /** Connect to a (new) microcontroller's USB controller. */
  plugInto(mcu) {
    this.connected = false;
    this.requested = 0; // size of the OUT buffer the device has armed, 0 when none
    this.usb = mcu.usbCtrl;
    this.cdc = new USBCDC(mcu.usbCtrl);
    this.cdc.onDeviceConnected = () => (this.connected = true);
    this.cdc.onSerialData = (bytes) => this.onData(Buffer.from(bytes));
    mcu.usbCtrl.onEndpointRead = (endpoint, size) => this.armed(endpoint, size);
  }

  get idle() {
    return this.pending.length === 0;
  }

  send(data) {
    const bytes = Buffer.from(data);
    if (bytes.length) this.pending.push(bytes);
    this.deliver();
  }

  /** Forget what was not yet delivered (a client went away). */
  discard() {
    this.pending = [];
    this.offset = 0;
  }

  armed(endpoint, size) {
    if (endpoint !== this.cdc.outEndpoint) return;
    this.requested = size;
    this.deliver();
  }

  deliver() {
    if (!this.requested || !this.pending.length) return;
    const packet = this.take(this.requested);
    this.requested = 0;
    this.usb.endpointReadDone(this.cdc.outEndpoint, packet);
  }

  take(limit) {
    const head = this.pending[0];
    const packet = head.subarray(this.offset, this.offset + limit);
    this.offset += packet.length;
    if (this.offset === head.length) {
      this.pending.shift();
      this.offset = 0;
    }
    return packet;
  }
}
