// Four pixels times two channels at once: the inner part of CONV_2D with DSP instructions.
#ifndef TML_DSP_TILE_H
#define TML_DSP_TILE_H

#include "kernels/dsp/requantise.h"

// Inputs are grouped in quads of four. `x` holds per quad eight pairs: inputs (0, 2) of the pixels 0 to 3, then inputs (1, 3).
// `weights` hold per pair of channels and quad two words, for inputs (0, 2) and (1, 3): each half of a word is
// 256 * (weight of channel 1) + (weight of channel 0), signed. One sxtb16 gives channel 0; the word as it is gives 256 times channel 1
// plus channel 0, which is subtracted at the end.
typedef struct {
    const uint32_t *x;
    const uint32_t *weights;
    const tml_dsp_channel_t *channels;
    int8_t *out;
    uint32_t stride; // bytes from a pixel of the output to the next
    uint32_t pairs; // of channels, at least 1
    uint32_t quads; // of inputs, at least 1
    uint32_t exact_ties;
} tml_dsp_tiles_t;

// All channels of four pixels.
void tml_dsp_tiles(const tml_dsp_tiles_t *tiles);

// Words of x for a number of quads.
#define TML_DSP_X_WORDS(quads) (8 * (quads))

#endif // TML_DSP_TILE_H
