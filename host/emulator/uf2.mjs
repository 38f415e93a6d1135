// UF2 container: 512-byte blocks, each with up to 476 bytes for one flash address.

const BLOCK_BYTES = 512;
const MAGIC_START0 = 0x0a324655;
const MAGIC_START1 = 0x9e5d5157;
const MAGIC_END = 0x0ab16f30;
const FLAG_NOT_MAIN_FLASH = 0x00000001;

function checkBlock(view, offset) {
  const good =
    view.getUint32(offset, true) === MAGIC_START0 &&
    view.getUint32(offset + 4, true) === MAGIC_START1 &&
    view.getUint32(offset + 508, true) === MAGIC_END;
  if (!good) throw new Error(`not a UF2 file: block ${offset / BLOCK_BYTES} has wrong magic numbers`);
}

/** Returns [{address, data}] for every block that goes to main flash. */
export function parseUf2(bytes) {
  if (bytes.length === 0 || bytes.length % BLOCK_BYTES !== 0) {
    throw new Error(`not a UF2 file: ${bytes.length} bytes is no multiple of ${BLOCK_BYTES}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const blocks = [];
  for (let offset = 0; offset < bytes.length; offset += BLOCK_BYTES) {
    checkBlock(view, offset);
    if (view.getUint32(offset + 8, true) & FLAG_NOT_MAIN_FLASH) continue;
    const size = view.getUint32(offset + 16, true);
    blocks.push({
      address: view.getUint32(offset + 12, true),
      data: bytes.subarray(offset + 32, offset + 32 + size),
    });
  }
  return blocks;
}
