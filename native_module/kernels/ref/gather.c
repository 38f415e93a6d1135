// GATHER: runs of bytes from anywhere in the input, one after the other: for orders that strides cannot say.
#include <string.h>

#include "tml_kernels.h"

void tml_ref_gather(const tml_context_t *context, const tml_record_t *record) {
    const tml_gather_t *p = &record->gather;
    const uint32_t *offsets = (const uint32_t *)(const void *)(context->module + p->offsets);
    uint8_t *output = context->arena + p->output;
    for (uint32_t i = 0; i < p->count; i++, output += p->run) {
        memcpy(output, context->arena + p->input + offsets[i], p->run);
    }
}
