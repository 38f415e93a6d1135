// LOOKUP: any function of one byte, from a table of its 256 results. Output may be the input.
#include "tml_kernels.h"

void tml_ref_lookup(const tml_context_t *context, const tml_record_t *record) {
    const tml_lookup_t *lookup = &record->lookup;
    const uint8_t *table = context->module + lookup->table;
    const uint8_t *input = context->arena + lookup->input;
    uint8_t *output = context->arena + lookup->output;
    for (uint32_t i = 0; i < lookup->count; i++) {
        output[i] = table[input[i]];
    }
}
