// COPY: a RESHAPE that could not be folded away.
#include <string.h>

#include "tml_kernels.h"

void tml_ref_copy(const tml_context_t *context, const tml_record_t *record) {
    const tml_copy_t *copy = &record->copy;
    memmove(context->arena + copy->output, context->arena + copy->input, copy->count);
}
