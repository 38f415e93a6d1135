// AVERAGE_POOL_2D and MAX_POOL_2D, four channels at a time. They take the place of the plain kernels and leave to them what they are
// not made for: channels that are no multiple of four.
#ifndef TML_DSP_POOL_H
#define TML_DSP_POOL_H

#include "tml_kernels.h"

void tml_dsp_average_pool_2d(const tml_context_t *context, const tml_record_t *record);
void tml_dsp_max_pool_2d(const tml_context_t *context, const tml_record_t *record);

#endif // TML_DSP_POOL_H
