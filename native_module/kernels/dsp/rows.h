// Four rows of a matrix times a vector: the inner part of FULLY_CONNECTED with DSP instructions.
#ifndef TML_DSP_ROWS_H
#define TML_DSP_ROWS_H

#include "kernels/dsp/requantise.h"

#define TML_DSP_ROWS (4)

// `x` holds per quad of inputs the pairs (0, 2) and (1, 3). `weights` hold per group of four rows and quad four words: rows 0 and 1
// with inputs (0, 2) and (1, 3), then rows 2 and 3; two rows share a word as two channels do in kernels/dsp/tile.h.
typedef struct {
    const uint32_t *x;
    const uint32_t *weights;
    const tml_dsp_channel_t *channels;
    int8_t *out;
    uint32_t groups; // of four rows, at least 1
    uint32_t quads; // of inputs, at least 1
} tml_dsp_rows_t;

// out[i] for all rows of all groups.
void tml_dsp_rows(const tml_dsp_rows_t *rows);

#endif // TML_DSP_ROWS_H
