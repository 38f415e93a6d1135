#ifndef TML_DSP_ADD_H
#define TML_DSP_ADD_H

#include "tml_kernels.h"

// Takes the place of the plain ADD: it has no constants, so that there is nothing to lay out for it.
void tml_dsp_add(const tml_context_t *context, const tml_record_t *record);

#endif // TML_DSP_ADD_H
