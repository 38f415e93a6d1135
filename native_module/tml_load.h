// Bytes → verified plan. After TML_OK nothing in the module can make a kernel leave the module, the arena or its operands.
#ifndef TML_LOAD_H
#define TML_LOAD_H

#include "tml_kernels.h"

// A verified module, read in place. The bytes must stay where they are, unchanged, as long as the plan is used.
typedef struct {
    const uint8_t *module;
    const tml_header_t *header;
    const tml_tensor_t *tensors; // n_inputs, then n_outputs
    const tml_record_t *records; // what a run does; before them lie those that put the state at its beginning
    const tml_target_t *target;
} tml_plan_t;

// Records of a run, without those that put the state at its beginning; and the bytes of the state, at the start of the arena.
#define TML_N_RECORDS(header) ((uint32_t)(header)->n_records - (header)->n_init)
#define TML_STATE_BYTES(header) ((uint32_t)(header)->state_blocks * TML_ALIGN)

// Checks everything once. On failure the plan is unusable and fault holds the numbers.
tml_status_t tml_load(tml_plan_t *plan, const uint8_t *module, size_t size, const tml_target_t *target, tml_fault_t *fault);

// The variant that a record asks for, or NULL when this build has none; for variants other than TML_VARIANT_PLAIN.
const tml_variant_t *tml_find_variant(const tml_target_t *target, const tml_head_t *head);

#endif // TML_LOAD_H
