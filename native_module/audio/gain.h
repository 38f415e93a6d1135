#ifndef TML_AUDIO_GAIN_H
#define TML_AUDIO_GAIN_H

#include <stdint.h>

// One channel of a frame: takes the background noise off the amplitude, evens out the loudness, and takes the logarithm.
// noise: the channel's estimate so far, in 1/1024; is brought up to date. is_odd: of the channel's number.
uint16_t tml_audio_feature(uint32_t amplitude, uint32_t *noise, unsigned is_odd);

#endif
