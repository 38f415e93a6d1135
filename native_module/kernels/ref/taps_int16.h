// Elements of int16 in two strided dimensions, for POOL_INT16 and REDUCE_INT16.
#ifndef TML_TAPS_INT16_H
#define TML_TAPS_INT16_H

#include <stdbool.h>
#include <stdint.h>

// The largest of count[0] x count[1] elements, or their sum (mod 2^32); strides in elements.
int32_t tml_taps_int16(const int16_t *row, const uint32_t count[2], const uint32_t stride[2], bool largest);

#endif // TML_TAPS_INT16_H
