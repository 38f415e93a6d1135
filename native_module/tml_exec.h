// Runs a verified plan. Allocates nothing, keeps no state outside the arena.
#ifndef TML_EXEC_H
#define TML_EXEC_H

#include "tml_load.h"

// Arena: plan->header->arena_bytes bytes, 16-byte aligned.
void tml_run(const tml_plan_t *plan, uint8_t *arena);

// Runs one record, for profiles and cooperative inference.
void tml_run_record(const tml_plan_t *plan, uint8_t *arena, uint32_t index);

// Self-test vector `index`: fills the inputs from its seed, runs, compares. Returns the number of output bytes that differ.
uint32_t tml_selftest(const tml_plan_t *plan, uint8_t *arena, uint32_t index);

// The input bytes of a self-test vector: xorshift32 from the seed, the top byte of each state in turn.
void tml_selftest_fill(uint32_t *state, uint8_t *out, uint32_t bytes);

#endif // TML_EXEC_H
