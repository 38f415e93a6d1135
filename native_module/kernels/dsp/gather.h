// Brings the inputs under windows into the order of tml_dsp_tiles.
#ifndef TML_DSP_GATHER_H
#define TML_DSP_GATHER_H

#include "kernels/mk/dsp.h"

// Windows next to each other over the same rows. A row of a window is `row_quads` times four bytes, from any address; a row that is
// shorter than that reads what follows it, which must be readable and meets weights of zero.
typedef struct {
    const int8_t *from; // the first row of the first window
    uint32_t step; // bytes from a window to the next
    uint32_t pitch; // bytes from a row to the next
    uint32_t rows; // at least 1
    uint32_t row_quads; // at least 1
    uint32_t *x;
} tml_dsp_windows_t;

// Four windows.
void tml_dsp_gather_4(const tml_dsp_windows_t *windows);

// One window, as pixel `lane` of four.
void tml_dsp_gather_1(const tml_dsp_windows_t *windows, uint32_t lane);

#endif // TML_DSP_GATHER_H
