#include "kernels/ref/taps_int16.h"

int32_t tml_taps_int16(const int16_t *row, const uint32_t count[2], const uint32_t stride[2], bool largest) {
    uint32_t sum = 0;
    int32_t highest = INT16_MIN;
    for (uint32_t i = 0; i < count[0]; i++, row += stride[0]) {
        const int16_t *x = row;
        for (uint32_t j = 0; j < count[1]; j++, x += stride[1]) {
            sum += (uint32_t)*x;
            highest = *x > highest ? *x : highest;
        }
    }
    return largest ? highest : (int32_t)sum;
}
