// The curve arithmetic is Monocypher's, fetched by the toolchain and included whole: compiled with -fwhole-program, all of
// it that is not reached from here falls away, which the linker for natmods could not do.
#include "ed25519.h"

#include "monocypher.c"

// Whether 8 times the point is the neutral element: anybody can make signatures for such a key. So is what is no point.
static bool is_weak(const uint8_t *key) {
    static const uint8_t neutral[32] = {1};
    ge point, scratch;
    uint8_t bytes[32];
    if (ge_frombytes_neg_vartime(&point, key) != 0) {
        return true;
    }
    for (unsigned i = 0; i < 3; i++) {
        ge_double(&point, &point, &scratch);
    }
    ge_tobytes(bytes, &point);
    return crypto_verify32(bytes, neutral) == 0;
}

__attribute__((externally_visible))
bool tml_ed25519_check(const uint8_t *key, const uint8_t *signature, const uint8_t *digest) {
    if (is_weak(key)) {
        return false;
    }
    uint8_t scalar[32];
    crypto_eddsa_reduce(scalar, digest);
    return crypto_eddsa_check_equation(signature, key, scalar) == 0;
}
