// MOVE: bytes from strided places of the input, or of constants, to strided places of the output: transposing, slicing, joining.
#include <string.h>

#include "tml_kernels.h"

static void move_row(const tml_move_t *p, const uint8_t *input, uint8_t *output) {
    if (p->in_stride[3] == 1 && p->out_stride[3] == 1) {
        memcpy(output, input, p->count[3]);
        return;
    }
    for (uint32_t i = 0; i < p->count[3]; i++, input += p->in_stride[3], output += p->out_stride[3]) {
        *output = *input;
    }
}

static void move_plane(const tml_move_t *p, const uint8_t *input, uint8_t *output) {
    for (uint32_t i = 0; i < p->count[2]; i++, input += p->in_stride[2], output += p->out_stride[2]) {
        move_row(p, input, output);
    }
}

void tml_ref_move(const tml_context_t *context, const tml_record_t *record) {
    const tml_move_t *p = &record->move;
    const uint8_t *input = (p->constant ? context->module : context->arena) + p->input;
    uint8_t *output = context->arena + p->output;
    for (uint32_t i = 0; i < p->count[0]; i++) {
        for (uint32_t j = 0; j < p->count[1]; j++) {
            const int32_t a = (int32_t)i * p->in_stride[0] + (int32_t)j * p->in_stride[1];
            const int32_t b = (int32_t)i * p->out_stride[0] + (int32_t)j * p->out_stride[1];
            move_plane(p, input + a, output + b);
        }
    }
}
