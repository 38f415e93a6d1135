// 1 / x in fixed point, for SOFTMAX and DIV.
#ifndef TML_RECIPROCAL_H
#define TML_RECIPROCAL_H

#include <stdint.h>

// Zero bits before the first one bit; x is not 0.
int32_t tml_leading_zeros(uint32_t x);

// 1 / (1 + a) for a in [0, 1), both q0: gemmlowp's one_over_one_plus_x_for_x_in_0_1.
int32_t tml_reciprocal_of_one_plus(int32_t a);

#endif // TML_RECIPROCAL_H
