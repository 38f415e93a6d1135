// Checks Ed25519 signatures (RFC 8032). Nothing here is secret, so nothing takes constant time.
#ifndef TML_ED25519_H
#define TML_ED25519_H

#include <stdbool.h>
#include <stdint.h>

#define TML_ED25519_KEY_BYTES (32)
#define TML_ED25519_SIGNATURE_BYTES (64)

// Whether `signature` is that of the key's owner; `digest` is the SHA-512 of the signature's first half, the key and the
// message. Stack: about 1.9 KB on 32-bit processors.
bool tml_ed25519_check(const uint8_t *key, const uint8_t *signature, const uint8_t *digest);

#endif // TML_ED25519_H
