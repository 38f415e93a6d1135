// The serial console on a local stream socket: socat makes a PTY of it for mpremote.
//
// The CPU runs only while a client is connected, so an emulator that nobody talks to costs nothing and a test's
// cycle counts do not depend on how long the host took.
import net from 'node:net';

const SLICE_NANOS = 5e6;
const IDLE_PAUSE_MS = 1;

export class SerialBridge {
  constructor(pico, repl) {
    this.pico = pico;
    this.repl = repl;
    this.client = null;
    this.server = null;
  }

  get busy() {
    return this.client !== null;
  }

  listen(path) {
    this.server?.close();
    const server = (this.server = net.createServer((socket) => this.connect(socket)));
    return new Promise((resolve, reject) => server.once('error', reject).listen(path, resolve));
  }

  connect(socket) {
    if (this.busy) return socket.destroy();
    this.client = socket;
    this.repl.abandon();
    this.pico.console.onData = (data) => socket.write(data);
    socket.on('data', (data) => this.pico.console.send(data));
    socket.on('error', () => {});
    socket.on('close', () => this.client === socket && this.hangUp());
    this.loop();
  }

  /** The console goes back to the control connection; bytes that the device has not taken are lost, as on a real port. */
  hangUp() {
    this.server?.close();
    this.client?.destroy();
    this.client = null;
    this.repl.abandon();
    this.repl.attach();
  }

  /** Slices of emulated time; a sleeping core with nothing to read gives the host's CPU back. */
  loop() {
    if (!this.busy) return;
    try {
      this.pico.run(SLICE_NANOS);
    } catch (error) {
      console.error(error.message);
      this.hangUp();
      return;
    }
    if (this.pico.asleep && this.pico.console.idle) setTimeout(() => this.loop(), IDLE_PAUSE_MS);
    else setImmediate(() => this.loop());
  }
}
