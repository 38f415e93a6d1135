// Sigmoid and tanh of 16 bits, for LSTM and SIGMOID_INT16.
#ifndef TML_SIGMOID_H
#define TML_SIGMOID_H

#include <stdint.h>

// Of x / (3 * 2^12), times 2^15; table: 256 entries sigmoid(i / 24) * 65536. The results have 16 bits, whatever it holds.
int32_t tml_sigmoid(const uint16_t *table, int32_t x);
int32_t tml_tanh(const uint16_t *table, int32_t x);

#endif // TML_SIGMOID_H
