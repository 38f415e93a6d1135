// One channel of a 3 x 3 depthwise convolution over planar rows: the inner part of DEPTHWISE_CONV_2D with DSP instructions.
#ifndef TML_DSP_PLANE_H
#define TML_DSP_PLANE_H

#include "kernels/dsp/requantise.h"

// Rows of the input lie in scratch as words of two neighbours in a row, the words of four channels side by side.
#define TML_DSP_PLANE_CHANNELS (4)
#define TML_DSP_PLANE_WORD (4 * TML_DSP_PLANE_CHANNELS) // bytes from a word of a channel to its next

// Four outputs of a row are made at a time; the last ones of a row are stored as far as there are any.
#define TML_DSP_PLANE_OUTPUTS (4)

typedef struct {
    const uint32_t *x; // first word of the first of three rows
    uint32_t x_row; // bytes from a row of the input to the next
    uint32_t x_step; // bytes from the rows under one output row to those under the next
    const uint32_t *weights; // of each row a word: three weights and 0
    const tml_dsp_channel_t *channel;
    int8_t *out;
    uint32_t out_step; // bytes from an output of a row to the next
    uint32_t out_row; // bytes from an output row to the next
    uint32_t rows; // of the output, at least 1
    uint32_t columns; // of the output, at least 1
} tml_dsp_plane_t;

// For a step of one or two inputs from an output of a row to the next.
void tml_dsp_plane_1(const tml_dsp_plane_t *plane);
void tml_dsp_plane_2(const tml_dsp_plane_t *plane);

#endif // TML_DSP_PLANE_H
