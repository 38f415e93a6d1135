// Walks along n output pixels and tells where each lies in the source: floor((first + i * step) / n) without a division each.
#ifndef TML_IMAGE_WALK_H
#define TML_IMAGE_WALK_H

#include <stdint.h>

typedef struct {
    int32_t at; // floor of the quotient
    uint32_t rest; // what the floor cut off, below n
    uint32_t whole, part, n; // of the step
} tml_walk_t;

static inline tml_walk_t tml_walk(int32_t first, uint32_t step, uint32_t n) {
    tml_walk_t walk = {0, 0, step / n, step % n, n};
    if (first >= 0) {
        walk.at = (int32_t)((uint32_t)first / n);
        walk.rest = (uint32_t)first % n;
    } else {
        walk.at = -(int32_t)(((uint32_t)-first + n - 1) / n);
        walk.rest = (uint32_t)(first - walk.at * (int32_t)n);
    }
    return walk;
}

static inline void tml_walk_on(tml_walk_t *walk) {
    walk->at += (int32_t)walk->whole;
    walk->rest += walk->part;
    if (walk->rest >= walk->n) {
        walk->rest -= walk->n;
        walk->at++;
    }
}

#endif
