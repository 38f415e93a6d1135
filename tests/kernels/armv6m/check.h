// Compares the assembly of kernels/m0plus with its C models: both work on the same data, in buffers that start out the same, and the
// whole buffers must be the same afterwards. Linked into a program for a Cortex-M0; see tests/kernels/test_armv6m.py.
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t random_word(void);
uint32_t random_from(uint32_t low, uint32_t high); // both included

// Bytes of one kind, drawn anew each time: any, only -128 and 127, small ones, all the same.
void fill(void *memory, size_t size);

// Two buffers with the same bytes; `spare` in front of and behind what a primitive may write.
#define BUFFER_BYTES (1024)
#define SPARE_BYTES (32)
typedef struct {
    _Alignas(8) uint8_t expected[BUFFER_BYTES];
    _Alignas(8) uint8_t found[BUFFER_BYTES];
} buffers_t;
void fill_both(buffers_t *buffers);
bool same(const buffers_t *buffers);

// Calls the assembly and makes sure that it keeps the registers it must keep.
typedef void (*function_t)(void);
uint32_t call(uint32_t a, uint32_t b, uint32_t c, uint32_t d, function_t function);
extern volatile uint32_t registers_lost;
#define CALL(function, a, b, c, d) call((uint32_t)(a), (uint32_t)(b), (uint32_t)(c), (uint32_t)(d), (function_t)(function))

// All primitives by the name of their assembly; each compares one random case.
#define PRIMITIVES(X) \
    X(tml_swar_pack_patch) \
    X(tml_swar_dot) \
    X(tml_swar_pack_columns) \
    X(tml_swar_pack_columns_2) \
    X(tml_swar_filter_channels) \
    X(tml_linear_add_bytes) \
    X(tml_swar_expand) \
    X(tml_swar_rows) \
    X(tml_swar_scale_rows)
#define DECLARE(name) bool check_##name(void);
PRIMITIVES(DECLARE)

#endif // CHECK_H
