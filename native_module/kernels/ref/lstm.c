// LSTM over a sequence, int8 with a cell state of int16. For each unit and gate (forget, input, cell, output) the weights of the
// input, then those of the hidden state; the biases hold minus the zero points times the weights. Each row of the output is the
// hidden state of the next step. Source: TFLite Micro's lstm_eval.h.
#include <string.h>

#include "kernels/ref/sigmoid.h"
#include "tml_fixed.h"
#include "tml_kernels.h"

#define GATES (4)
#define GATE_BITS (12) // after the point, of what goes into sigmoid and tanh

// What is the same for all units.
typedef struct {
    const tml_lstm_t *record;
    const tml_scale_t *scales;
    const uint16_t *table;
} layer_t;

static int32_t clamp16(int32_t x) {
    return tml_clamp(x, INT16_MIN, INT16_MAX);
}

static int32_t multiply(int32_t x, int32_t multiplier, int32_t shift) {
    return clamp16(tml_multiply(x, multiplier, shift));
}

// 12 bits after the point to 15.
static int32_t sigmoid(const uint16_t *table, int32_t x) {
    return tml_sigmoid(table, 3 * x);
}

// Of x at a scale of 2^exponent.
static int32_t tanh_of(const uint16_t *table, int32_t x, int32_t exponent) {
    const int32_t left = GATE_BITS + exponent;
    return tml_tanh(table, left < 0 ? (3 * x + (1 << (-left - 1))) >> -left : tml_shift_left(3 * x, left));
}

static int32_t weighted(const int8_t *x, const int8_t *weights, uint32_t n, int32_t bias, const tml_scale_t *scale) {
    uint32_t acc = (uint32_t)bias;
    for (uint32_t i = 0; i < n; i++) {
        acc += (uint32_t)(x[i] * weights[i]);
    }
    return multiply((int32_t)acc, scale->multiplier, scale->shift);
}

// The new cell state, and with it the new hidden state; gates: what goes into their functions.
static int8_t advance(const layer_t *layer, const int32_t gates[GATES], int16_t *cell) {
    const tml_lstm_t *p = layer->record;
    const int32_t forget = sigmoid(layer->table, gates[0]), input = sigmoid(layer->table, gates[1]);
    const int32_t candidate = tanh_of(layer->table, gates[2], -GATE_BITS), output = sigmoid(layer->table, gates[3]);
    int32_t c = multiply(forget * *cell, 1 << 30, -14); // 2^-15
    c = clamp16(c + multiply(input * candidate, 1 << 30, -29 - p->cell_exponent));
    if (p->clip > 0) {
        c = tml_clamp(c, -p->clip, p->clip);
    }
    *cell = (int16_t)c;
    const int32_t h = tml_multiply(tanh_of(layer->table, c, p->cell_exponent) * output, p->multiplier, p->shift);
    return (int8_t)tml_clamp(tml_add_wrap(h, p->out_zero_point), INT8_MIN, INT8_MAX);
}

static void step(const layer_t *layer, const tml_context_t *context, const int8_t *x, const int8_t *h, int8_t *output) {
    const tml_lstm_t *p = layer->record;
    const int8_t *weights = (const int8_t *)(context->module + p->weights);
    const int32_t *bias = (const int32_t *)(const void *)(context->module + p->bias);
    int16_t *cell = (int16_t *)(void *)(context->arena + p->cell);
    for (uint32_t i = 0; i < p->units; i++) {
        int32_t gates[GATES];
        for (uint32_t g = 0; g < GATES; g++, bias += 2, weights += p->units) {
            gates[g] = weighted(x, weights, p->in_features, bias[0], &layer->scales[2 * g]);
            weights += p->in_features;
            gates[g] = clamp16(gates[g] + weighted(h, weights, p->units, bias[1], &layer->scales[2 * g + 1]));
        }
        output[i] = advance(layer, gates, &cell[i]);
    }
}

void tml_ref_lstm(const tml_context_t *context, const tml_record_t *record) {
    const tml_lstm_t *p = &record->lstm;
    const layer_t layer = {
        p, (const tml_scale_t *)(const void *)(context->module + p->scales),
        (const uint16_t *)(const void *)(context->module + p->table)
    };
    const int8_t *input = (const int8_t *)(context->arena + p->input), *hidden = (const int8_t *)(context->arena + p->hidden);
    int8_t *output = (int8_t *)(context->arena + p->output);
    for (uint32_t t = 0; t < p->steps; t++, input += p->in_features, output += p->units) {
        step(&layer, context, input, hidden, output);
        hidden = output;
    }
    memcpy(context->arena + p->hidden, hidden, p->units);
}
