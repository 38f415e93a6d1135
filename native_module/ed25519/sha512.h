// SHA-512 (FIPS 180-4), over any number of pieces. No allocation; about 350 bytes of stack.
#ifndef TML_SHA512_H
#define TML_SHA512_H

#include <stddef.h>
#include <stdint.h>

#define TML_SHA512_BYTES (64)
#define TML_SHA512_BLOCK_BYTES (128)

typedef struct {
    uint64_t state[8];
    uint64_t length; // bytes so far: messages of up to 2^61 - 1 bytes
    uint8_t block[TML_SHA512_BLOCK_BYTES];
} tml_sha512_t;

void tml_sha512_init(tml_sha512_t *self);
void tml_sha512_update(tml_sha512_t *self, const uint8_t *data, size_t size);
// Writes the digest; the context must then not be used again before tml_sha512_init().
void tml_sha512_final(tml_sha512_t *self, uint8_t digest[TML_SHA512_BYTES]);

#endif // TML_SHA512_H
