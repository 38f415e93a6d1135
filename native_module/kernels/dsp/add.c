// ADD as kernels/ref/add.c, for what TFLite makes of it: the input with the larger scale has the multiplier one half, so that only the
// other one is rounded. Rounding as in kernels/dsp/requantise.h. Output may be either input: elements are read before written.
#include "kernels/dsp/add.h"
#include "kernels/dsp/requantise.h"
#include "tml_fixed.h"

// Headroom in which both inputs are brought to a common scale; the products need one bit more.
#define LEFT_SHIFT (20)
#define ONE_HALF (1 << 30)
#define LONGEST_SHIFT (22) // that leaves the constants of the last rounding within 32 bits

// One of the inputs.
typedef struct {
    const int8_t *data;
    int32_t zero_point, multiplier, shift;
} input_t;

// offset + (value << 21) is twice the value in the common scale.
typedef struct {
    int32_t offset, multiplier, round, shift;
} scale_t;

// Values of `plain` count as they are; the sum of both zero points' shares is in the scale of `scaled`'s result.
static void add(const int8_t *plain, int32_t plain_offset, const int8_t *scaled, const scale_t *in, const scale_t *out, uint32_t n, int8_t *to) {
    const scale_t a = *in, sum = *out;
    for (const int8_t *end = to + n; to < end; to++) {
        int32_t value = a.offset + (int32_t)((uint32_t)*scaled++ << (LEFT_SHIFT + 1));
        value = tml_add_high_word(value, a.multiplier, a.round + (value >> 31)) >> a.shift;
        value = 2 * (value + plain_offset + (int32_t)((uint32_t)*plain++ << (LEFT_SHIFT - 1)));
        value = tml_add_high_word(value, sum.multiplier, sum.round + (value >> 31)) >> sum.shift;
        *to = (int8_t)tml_saturate_8(value);
    }
}

static bool is_half(const input_t *input) {
    return input->multiplier == ONE_HALF && input->shift == 0;
}

void tml_dsp_add(const tml_context_t *context, const tml_record_t *record) {
    const tml_add_t *r = &record->add;
    input_t plain = {(const int8_t *)(context->arena + r->input), r->in_zero_point, r->multiplier1, r->shift1};
    input_t scaled = {(const int8_t *)(context->arena + r->input2), r->in2_zero_point, r->multiplier2, r->shift2};
    if (!is_half(&plain)) {
        const input_t other = plain;
        plain = scaled;
        scaled = other;
    }
    if (!is_half(&plain) || scaled.shift == 0 || r->out_shift == 0 || r->out_shift < -LONGEST_SHIFT) {
        tml_ref_add(context, record);
        return;
    }
    const scale_t in = {-scaled.zero_point * (1 << (LEFT_SHIFT + 1)), scaled.multiplier, 1 << (-scaled.shift - 1), -scaled.shift};
    const int32_t right = -r->out_shift;
    const scale_t out = {0, r->out_multiplier, (1 << (right - 1)) + r->out_zero_point * (1 << right), right};
    int8_t *output = (int8_t *)(context->arena + r->output);
    add(plain.data, -plain.zero_point * (1 << (LEFT_SHIFT - 1)), scaled.data, &in, &out, r->count, output);
    tml_dsp_clamp(output, r->count, r->act_min, r->act_max);
}
