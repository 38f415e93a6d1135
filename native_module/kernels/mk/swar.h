// SWAR primitives: two 8-bit values per 32-bit word, `low + (high << 16)`, so that one multiplication by a weight makes two
// products. A sum S of products is exact in both lanes while the weights of one window add up to at most 255 in magnitude.
// At its end the two lanes are gathered as T += S and H += (S + 0x8000) >> 16: then high = H and low = T - (H << 16), all
// mod 2^32. The compiler (host/tinymlaas/variants/swar.py) proves the windows; a wrong claim gives wrong numbers, never a bad access.
//
// Each primitive has a C model here and, for Armv6-M, the same in assembly in kernels/m0plus/swar.c.
#ifndef TML_MK_SWAR_H
#define TML_MK_SWAR_H

#include <stdint.h>

#include "kernels/mk/swar_models.h"

#if defined(__thumb__) && !defined(__thumb2__)
void tml_swar_pack_patch(const tml_swar_patch_t *job);
void tml_swar_dot(const tml_swar_dot_t *job);
#else
#define tml_swar_pack_patch tml_swar_model_pack_patch
#define tml_swar_dot tml_swar_model_dot
#endif

#endif // TML_MK_SWAR_H
