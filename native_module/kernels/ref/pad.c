// PAD in four dimensions: the output is filled, then the rows of the input are copied into it.
#include <string.h>

#include "tml_kernels.h"

// Position of the first byte of input row [i0][i1][i2] in the output.
static uint32_t row_offset(const tml_pad_t *p, uint32_t i0, uint32_t i1, uint32_t i2) {
    const uint32_t index[3] = {i0, i1, i2};
    uint32_t offset = p->before[0] + index[0];
    for (unsigned d = 1; d < 3; d++) {
        offset = offset * ((uint32_t)p->before[d] + p->in_shape[d] + p->after[d]) + p->before[d] + index[d];
    }
    return offset * ((uint32_t)p->before[3] + p->in_shape[3] + p->after[3]) + p->before[3];
}

static uint32_t output_bytes(const tml_pad_t *p) {
    uint32_t bytes = 1;
    for (unsigned d = 0; d < 4; d++) {
        bytes *= (uint32_t)p->before[d] + p->in_shape[d] + p->after[d];
    }
    return bytes;
}

void tml_ref_pad(const tml_context_t *context, const tml_record_t *record) {
    const tml_pad_t *p = &record->pad;
    const uint8_t *input = context->arena + p->input;
    uint8_t *output = context->arena + p->output;
    memset(output, (uint8_t)p->value, output_bytes(p));
    for (uint32_t i0 = 0; i0 < p->in_shape[0]; i0++) {
        for (uint32_t i1 = 0; i1 < p->in_shape[1]; i1++) {
            for (uint32_t i2 = 0; i2 < p->in_shape[2]; i2++, input += p->in_shape[3]) {
                memcpy(output + row_offset(p, i0, i1, i2), input, p->in_shape[3]);
            }
        }
    }
}
