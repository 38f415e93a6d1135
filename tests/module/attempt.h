// Takes bytes as a module: loads them and, when they load, runs them. Under the sanitisers any access outside the module, the arena or
// the message ends the process with a report.
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tml_exec.h"

// A larger arena is a MemoryError on a device; here it would only cost time.
#define MAX_ARENA_BYTES (1u << 18)
#define MESSAGE_BYTES (96)

static unsigned long n_refused, n_ran, n_skipped;

static void *exact(size_t size) {
    void *memory = NULL; // the sanitiser knows its exact end
    if (posix_memalign(&memory, TML_ALIGN, size) != 0) {
        abort();
    }
    return memory;
}

// As Python may call it: records in slices, in any order, and slices that are not there.
static void run_backwards(const tml_plan_t *plan, uint8_t *arena) {
    for (uint32_t i = TML_N_RECORDS(plan->header); i-- > 0;) {
        for (uint32_t slice = tml_run_slice(plan, arena, i, UINT32_MAX, TML_PLANNED_SCRATCH); slice-- > 0;) {
            (void)tml_run_slice(plan, arena, i, slice, TML_PLANNED_SCRATCH);
        }
    }
}

// As a second worker, whose scratch lies behind the arena.
static void run_with_own_scratch(const tml_plan_t *plan) {
    const uint32_t scratch = (plan->header->arena_bytes + TML_ALIGN - 1) & ~(uint32_t)(TML_ALIGN - 1);
    uint8_t *arena = exact(scratch + plan->header->scratch_bytes);
    memset(arena, 0x33, scratch + plan->header->scratch_bytes);
    for (uint32_t i = 0; i < TML_N_RECORDS(plan->header); i++) {
        for (uint32_t slice = tml_run_slice(plan, arena, i, UINT32_MAX, scratch); slice-- > 0;) {
            (void)tml_run_slice(plan, arena, i, slice, scratch);
        }
    }
    free(arena);
}

// Inputs, and the state that set_state() gives, are anything: the arena begins with one byte repeated, or with noise.
static void run(const tml_plan_t *plan) {
    const uint32_t bytes = plan->header->arena_bytes;
    tml_position_t position = {0, 0};
    uint32_t seed = bytes | 1;
    uint8_t *arena = exact(bytes);
    memset(arena, 0x5a, bytes);
    tml_run(plan, arena);
    tml_reset(plan, arena);
    while (!tml_step(plan, arena, &position)) {
    }
    tml_selftest_fill(&seed, arena, bytes);
    tml_run(plan, arena);
    memset(arena, 0x80, bytes);
    run_backwards(plan, arena);
    run_with_own_scratch(plan);
    for (uint32_t i = 0; i < plan->header->n_selftests && i < 2; i++) {
        (void)tml_selftest(plan, arena, i);
    }
    free(arena);
}

// Takes the bytes as they are and as long as they are.
static void try_bytes(const uint8_t *bytes, size_t size) {
    uint8_t *module = exact(size);
    memcpy(module, bytes, size);
    tml_plan_t plan;
    tml_fault_t fault;
    tml_status_t status = tml_load(&plan, module, size, &tml_target, &fault);
    if (status != TML_OK) {
        char *message = exact(MESSAGE_BYTES);
        size_t length = tml_message(message, MESSAGE_BYTES, status, &fault);
        if (length == 0 || length != strlen(message)) {
            abort();
        }
        free(message);
        n_refused++;
    } else if (plan.header->arena_bytes > MAX_ARENA_BYTES) {
        n_skipped++;
    } else {
        run(&plan);
        n_ran++;
    }
    if (memcmp(module, bytes, size) != 0) {
        abort(); // a kernel wrote to the module
    }
    free(module);
}
