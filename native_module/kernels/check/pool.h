#ifndef TML_CHECK_POOL_H
#define TML_CHECK_POOL_H

#include "kernels/check/bounds.h"

// Geometry and operands of a record that begins as a pool's does; item: bytes of an element, 1 or 2.
tml_status_t tml_check_items_image(const tml_bounds_t *bounds, const tml_pool_t *image, uint32_t item);

// What all pools share; item: bytes of an element, 1 or 2.
tml_status_t tml_check_pool(tml_bounds_t *bounds, const tml_pool_t *pool, uint32_t item);

#endif // TML_CHECK_POOL_H
