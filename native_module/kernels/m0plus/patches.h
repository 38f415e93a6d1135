// Patches of four output pixels at a time as lanes, for convolutions (kernels/mk/swar.h).
#ifndef TML_M0PLUS_PATCHES_H
#define TML_M0PLUS_PATCHES_H

#include "kernels/mk/swar.h"
#include "tml_kernels.h"

// Scratch holds lanes [patch, rounded up to 4][2], and where filters reach beyond the image or are dilated along rows, copies of four
// patches behind them. If there is room for the image with its padding, that is copied instead, once.
typedef struct {
    const tml_conv_t *conv;
    const int8_t *image; // the input, or a copy of it with its padding
    uint32_t width; // of the image
    int32_t first_y, first_x; // where the first filter starts
    int32_t last_y, last_x; // where a filter may start to lie inside the image; -1: nowhere
    uint32_t stride; // bytes from row to row of a patch in the image
    uint32_t step; // columns from pixel to pixel
    uint32_t out_w; // pixels of a row of the output
    uint32_t out_x; // the next pixel, and where its filter starts
    int32_t y, x;
    int8_t *copies;
    tml_swar_patch_t patch;
} tml_patches_t;

// For what runs once or rarely: compiled for size.
#define TML_ONCE __attribute__((cold, noinline))

// Words of a channel's weights.
static inline uint32_t tml_patch_words(const tml_conv_t *c) {
    return ((uint32_t)c->filter_h * c->filter_w * c->in_c + 3) / 4;
}

// Least scratch.
uint32_t tml_patches_scratch(const tml_conv_t *c);

// Bytes of the image with its padding. These must fit 32 bits.
uint64_t tml_patches_reach(const tml_conv_t *c);

// The arena must hold the input and, undisturbed, the scratch.
void tml_patches_begin(tml_patches_t *patches, const tml_context_t *context, const tml_conv_t *c);

// Makes `pixel` the next.
void tml_patches_seek(tml_patches_t *patches, uint32_t pixel);

// Fills the lanes with the next four pixels, or with the next two twice.
void tml_patches_pack(tml_patches_t *patches, uint32_t pixels);

#endif // TML_M0PLUS_PATCHES_H
