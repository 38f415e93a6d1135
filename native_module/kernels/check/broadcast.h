#ifndef TML_CHECK_BROADCAST_H
#define TML_CHECK_BROADCAST_H

#include "kernels/check/bounds.h"

// What BINARY and BINARY_INT16 share; item: bytes of an element; functions: how many of them there are.
tml_status_t tml_check_broadcast(tml_bounds_t *bounds, const tml_binary_t *p, uint32_t item, uint32_t functions);

#endif // TML_CHECK_BROADCAST_H
