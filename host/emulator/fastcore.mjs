export { plainExecutor as fastExecutor } from './pico.mjs';
