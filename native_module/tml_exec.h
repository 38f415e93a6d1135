// Runs a verified plan. Allocates nothing, keeps no state outside the arena.
#ifndef TML_EXEC_H
#define TML_EXEC_H

#include "tml_load.h"

// Arena: plan->header->arena_bytes bytes, 16-byte aligned.
// A model with state: tml_reset first.
void tml_run(const tml_plan_t *plan, uint8_t *arena);

// Puts the state at its beginning; nothing for models without.
void tml_reset(const tml_plan_t *plan, uint8_t *arena);

// Runs one record, for profiles and cooperative inference.
void tml_run_record(const tml_plan_t *plan, uint8_t *arena, uint32_t index);

// Where a worker's scratch lies: with the plan's own value, where the plan has it.
#define TML_PLANNED_SCRATCH UINT32_MAX

// Runs one slice (tml_slice.h) of a record, if it has that many; returns how many it has. All slices of a record, in any order, are
// the record. Two workers may run different slices of one record at the same time if one of them brings a scratch of its own: an
// offset from the arena, aligned to 16, where the header's scratch_bytes are free.
uint32_t tml_run_slice(const tml_plan_t *plan, uint8_t *arena, uint32_t index, uint32_t slice, uint32_t scratch);

// How far an inference in slices has come; all zero: it begins.
typedef struct {
    uint32_t record, slice;
} tml_position_t;

// Runs the next slice. Returns true when it was the last of the inference, with the position at the beginning again.
bool tml_step(const tml_plan_t *plan, uint8_t *arena, tml_position_t *position);

// Self-test vector `index`, with the state at its beginning before and after: fills the inputs from its seed, runs, compares. Returns the number of output bytes that differ.
uint32_t tml_selftest(const tml_plan_t *plan, uint8_t *arena, uint32_t index);

// The input bytes of a self-test vector: xorshift32 from the seed, the top byte of each state in turn.
void tml_selftest_fill(uint32_t *state, uint8_t *out, uint32_t bytes);

#endif // TML_EXEC_H
