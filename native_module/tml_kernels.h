// What an operator has to offer: a check that runs once at load, and a kernel that may then trust its record.
#ifndef TML_KERNELS_H
#define TML_KERNELS_H

#include <stdbool.h>

#include "tml_format.h"
#include "tml_status.h"

// Inner-loop steps (multiply-accumulates, elements moved) that one run of a module may need at most: bounds the time that a hostile
// module can take. 2^34 are 20 minutes on a Cortex-M0+, a thousand times what the largest model of the tests needs.
#ifndef TML_MAX_WORK
#define TML_MAX_WORK (UINT64_C(1) << 34)
#endif

// Flag of a SOFTMAX record: its output is int16. No other operator has flags.
#define TML_SOFTMAX_INT16 (1)

// What a kernel sees. All offsets in a record count from these two; all state of a model lies in its arena.
typedef struct {
    uint8_t *arena;
    const uint8_t *module;
} tml_context_t;

typedef void (*tml_kernel_t)(const tml_context_t *context, const tml_record_t *record);

// What a check sees: the module's bounds, the work of the records so far, and where to put the numbers when it refuses.
typedef struct {
    const uint8_t *module;
    uint32_t arena_bytes;
    uint32_t scratch_bytes;
    uint32_t constants_begin; // file offsets
    uint32_t constants_end;
    uint64_t work;
    tml_fault_t *fault;
} tml_bounds_t;

typedef tml_status_t (*tml_check_t)(tml_bounds_t *bounds, const tml_record_t *record);

// A kernel for another constant layout than the plain one.
typedef struct {
    uint8_t op; // TML_OP_*
    uint8_t variant; // TML_VARIANT_*
    tml_kernel_t kernel; // NULL: not in this build
    tml_check_t check;
} tml_variant_t;

// A build has exactly one target table, `tml_target`, defined in targets/<target>.c.
typedef struct {
    const char *name;
    uint16_t id; // TML_TARGET_*; modules for it or for TML_TARGET_ANY are accepted
    uint16_t n_variants;
    tml_kernel_t kernel[TML_N_OPS]; // plain ones by operator code; NULL: not in this build
    tml_check_t check[TML_N_OPS];
    const tml_variant_t *variants; // all others
} tml_target_t;

extern const tml_target_t tml_target;

// Declares tml_check_<op>, the plain tml_ref_<op> and the shipped tml_fast_<op> (the latter only where it exists).
#define X(NAME, name) \
    tml_status_t tml_check_##name(tml_bounds_t * bounds, const tml_record_t * record); \
    void tml_ref_##name(const tml_context_t * context, const tml_record_t * record); \
    void tml_fast_##name(const tml_context_t * context, const tml_record_t * record);
TML_OPERATORS(X)
#undef X

#endif // TML_KERNELS_H
