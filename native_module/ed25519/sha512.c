#include "sha512.h"

#include <string.h>

// The first 64 bits behind the point of the cube roots of the first 80 primes.
static const uint64_t round_constants[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

// The same of the square roots of the first 8.
static const uint64_t initial_state[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

static uint64_t rotated(uint64_t x, unsigned n) {
    return x >> n | x << (64 - n);
}

static uint64_t load_be(const uint8_t *from) {
    uint64_t x = 0;
    for (unsigned i = 0; i < 8; i++) {
        x = x << 8 | from[i];
    }
    return x;
}

static void store_be(uint8_t *to, uint64_t x) {
    for (unsigned i = 8; i > 0; x >>= 8) {
        to[--i] = (uint8_t)x;
    }
}

// The next word of the message schedule, of which the last 16 are kept: w[t] takes the place of w[t - 16].
static uint64_t scheduled(uint64_t w[16], unsigned t) {
    const uint64_t before = w[(t - 15) % 16], last = w[(t - 2) % 16];
    const uint64_t s0 = rotated(before, 1) ^ rotated(before, 8) ^ before >> 7;
    const uint64_t s1 = rotated(last, 19) ^ rotated(last, 61) ^ last >> 6;
    return w[t % 16] += s0 + w[(t - 7) % 16] + s1;
}

// v holds a to h; what a round moves down by one place stays where it is, and the names move instead.
static void round_of(uint64_t v[8], unsigned t, uint64_t word) {
    #define V(i) v[(i - t) % 8]
    const uint64_t a = V(0), b = V(1), c = V(2), e = V(4), f = V(5), g = V(6);
    const uint64_t s1 = rotated(e, 14) ^ rotated(e, 18) ^ rotated(e, 41);
    const uint64_t s0 = rotated(a, 28) ^ rotated(a, 34) ^ rotated(a, 39);
    const uint64_t t1 = V(7) + s1 + ((e & f) ^ (~e & g)) + round_constants[t] + word;
    V(3) += t1;
    V(7) = t1 + s0 + ((a & b) ^ (a & c) ^ (b & c));
#undef V
}

static void compress(uint64_t state[8], const uint8_t *block) {
    uint64_t w[16], v[8];
    memcpy(v, state, sizeof(v));
    for (unsigned t = 0; t < 80; t++) {
        const uint64_t word = t < 16 ? (w[t] = load_be(block + 8 * t)) : scheduled(w, t);
        round_of(v, t, word);
    }
    for (unsigned i = 0; i < 8; i++) {
        state[i] += v[i];
    }
}

void tml_sha512_init(tml_sha512_t *self) {
    memcpy(self->state, initial_state, sizeof(initial_state));
    self->length = 0;
}

void tml_sha512_update(tml_sha512_t *self, const uint8_t *data, size_t size) {
    while (size > 0) {
        const size_t used = (size_t)(self->length % TML_SHA512_BLOCK_BYTES);
        const size_t room = TML_SHA512_BLOCK_BYTES - used;
        const size_t n = size < room ? size : room;
        memcpy(self->block + used, data, n);
        if (n == room) {
            compress(self->state, self->block);
        }
        self->length += n;
        data += n;
        size -= n;
    }
}

void tml_sha512_final(tml_sha512_t *self, uint8_t digest[TML_SHA512_BYTES]) {
    const uint64_t bits = self->length * 8;
    size_t used = (size_t)(self->length % TML_SHA512_BLOCK_BYTES);
    self->block[used++] = 0x80;
    if (used > TML_SHA512_BLOCK_BYTES - 16) { // no room for the length
        memset(self->block + used, 0, TML_SHA512_BLOCK_BYTES - used);
        compress(self->state, self->block);
        used = 0;
    }
    memset(self->block + used, 0, TML_SHA512_BLOCK_BYTES - used);
    store_be(self->block + TML_SHA512_BLOCK_BYTES - 8, bits);
    compress(self->state, self->block);
    for (unsigned i = 0; i < 8; i++) {
        store_be(digest + 8 * i, self->state[i]);
    }
}
