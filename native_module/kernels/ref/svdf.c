// SVDF: each filter reduces the input to one number, keeps the last `memory` of them and weighs these; a unit sums `rank` filters.
// Weights [units * rank][in_features], time weights and state [units * rank][memory]. The biases hold minus the zero points times
// the weights. Source: TFLite Micro's svdf_common.cc, which keeps the sums of all filters; their order does not matter.
#include <string.h>

#include "tml_fixed.h"
#include "tml_kernels.h"

static int32_t at(const uint8_t *data, uint32_t i, bool wide) {
    return wide ? ((const int16_t *)(const void *)data)[i] : (int8_t)data[i];
}

static uint32_t dot(const uint8_t *a, const uint8_t *b, uint32_t n, bool wide) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += (uint32_t)(at(a, i, wide) * at(b, i, wide));
    }
    return sum;
}

// Forgets the oldest of a filter's results, and takes in a new one. It is saturated before the zero point is added: the sum may wrap.
static void remember(const tml_svdf_t *p, uint8_t *state, int32_t acc) {
    const uint32_t last = (p->memory - 1u) * p->state_item;
    const int32_t newest = tml_multiply(acc, p->state_multiplier, p->state_shift), zero_point = p->state_zero_point;
    memmove(state, state + p->state_item, last);
    if (p->state_item == 2) {
        *(int16_t *)(void *)(state + last) = (int16_t)(tml_clamp(newest, INT16_MIN, INT16_MAX) + zero_point);
    } else {
        state[last] = (uint8_t)(tml_clamp(newest, INT8_MIN, INT8_MAX) + zero_point);
    }
}

void tml_ref_svdf(const tml_context_t *context, const tml_record_t *record) {
    const tml_svdf_t *p = &record->svdf;
    const uint8_t *input = context->arena + p->input, *weights = context->module + p->weights, *time = context->module + p->time;
    const int32_t *filter_bias = (const int32_t *)(const void *)(context->module + p->bias);
    const int32_t *unit_bias = filter_bias + (uint32_t)p->units * p->rank;
    const uint32_t row = (uint32_t)p->memory * p->state_item;
    const bool wide = p->state_item == 2;
    uint8_t *state = context->arena + p->state;
    for (uint32_t i = 0; i < p->units; i++) {
        uint32_t acc = (uint32_t)unit_bias[i];
        for (uint32_t j = 0; j < p->rank; j++, weights += p->in_features, state += row, time += row) {
            remember(p, state, (int32_t)((uint32_t)*filter_bias++ + dot(input, weights, p->in_features, false)));
            acc += dot(state, time, p->memory, wide);
        }
        const int32_t scaled = tml_multiply((int32_t)acc, p->multiplier, p->shift);
        context->arena[p->output + i] = (uint8_t)tml_clamp(tml_add_wrap(scaled, p->out_zero_point), INT8_MIN, INT8_MAX);
    }
}
