#ifndef TML_AUDIO_FILTERBANK_H
#define TML_AUDIO_FILTERBANK_H

#include "fft.h"

// Turns the power of the bins into the amplitude of 40 mel channels, in the first 40 places; undoes the shift left by `shift`.
void tml_filterbank(tml_bin_t *bins, unsigned shift);

#endif
