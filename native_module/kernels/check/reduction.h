#ifndef TML_CHECK_REDUCTION_H
#define TML_CHECK_REDUCTION_H

#include "kernels/check/bounds.h"

// What REDUCE and REDUCE_INT16 share; item: bytes of an element; functions: how many of them there are.
tml_status_t tml_check_reduction(tml_bounds_t *bounds, const tml_reduce_t *p, uint32_t item, uint32_t functions);

#endif // TML_CHECK_REDUCTION_H
