#include "tml_exec.h"
#include "tml_slice.h"

static tml_kernel_t kernel_of(const tml_target_t *target, const tml_head_t *head) {
    if (head->variant == TML_VARIANT_PLAIN) {
        return target->kernel[head->op];
    }
    return tml_find_variant(target, head)->kernel;
}

void tml_run_record(const tml_plan_t *plan, uint8_t *arena, uint32_t index) {
    const tml_context_t context = {arena, plan->module};
    const tml_record_t *record = &plan->records[index];
    kernel_of(plan->target, &record->head)(&context, record);
}

void tml_run(const tml_plan_t *plan, uint8_t *arena) {
    const uint32_t n_records = TML_N_RECORDS(plan->header);
    for (uint32_t i = 0; i < n_records; i++) {
        tml_run_record(plan, arena, i);
    }
}

void tml_reset(const tml_plan_t *plan, uint8_t *arena) {
    const tml_context_t context = {arena, plan->module};
    for (const tml_record_t *record = plan->records - plan->header->n_init; record < plan->records; record++) {
        kernel_of(plan->target, &record->head)(&context, record);
    }
}

uint32_t tml_run_slice(const tml_plan_t *plan, uint8_t *arena, uint32_t index, uint32_t slice, uint32_t scratch) {
    const tml_context_t context = {arena, plan->module};
    tml_record_t part;
    const uint32_t slices = tml_slice(&plan->records[index], slice, &part);
    if (scratch != TML_PLANNED_SCRATCH) {
        tml_move_scratch(&part, scratch);
    }
    if (slice < slices) {
        kernel_of(plan->target, &part.head)(&context, &part);
    }
    return slices;
}

bool tml_step(const tml_plan_t *plan, uint8_t *arena, tml_position_t *position) {
    const uint32_t n_records = TML_N_RECORDS(plan->header);
    if (position->record < n_records) {
        const uint32_t slices = tml_run_slice(plan, arena, position->record, position->slice, TML_PLANNED_SCRATCH);
        if (++position->slice < slices) {
            return false;
        }
        position->slice = 0;
        if (++position->record < n_records) {
            return false;
        }
    }
    position->record = 0;
    return true;
}

void tml_selftest_fill(uint32_t *state, uint8_t *out, uint32_t bytes) {
    uint32_t x = *state;
    for (uint32_t i = 0; i < bytes; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        out[i] = (uint8_t)(x >> 24);
    }
    *state = x;
}

static uint32_t count_differences(const uint8_t *a, const uint8_t *b, uint32_t bytes) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        n += a[i] != b[i];
    }
    return n;
}

static uint32_t outputs_bytes(const tml_plan_t *plan) {
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < plan->header->n_outputs; i++) {
        bytes += plan->tensors[plan->header->n_inputs + i].bytes;
    }
    return bytes;
}

uint32_t tml_selftest(const tml_plan_t *plan, uint8_t *arena, uint32_t index) {
    const tml_header_t *header = plan->header;
    uint32_t vector_bytes = (4 + outputs_bytes(plan) + 3) & ~(uint32_t)3;
    const uint8_t *vector = plan->module + header->selftests_offset + index * vector_bytes;
    uint32_t state = *(const uint32_t *)(const void *)vector; // sections of self-tests start at multiples of 4
    const tml_tensor_t *tensor = plan->tensors;
    for (; tensor < plan->tensors + header->n_inputs; tensor++) {
        tml_selftest_fill(&state, arena + tensor->offset, tensor->bytes);
    }
    tml_reset(plan, arena);
    tml_run(plan, arena);
    tml_reset(plan, arena);
    const uint8_t *expected = vector + 4;
    uint32_t differences = 0;
    for (; tensor < plan->tensors + header->n_inputs + header->n_outputs; tensor++) {
        differences += count_differences(arena + tensor->offset, expected, tensor->bytes);
        expected += tensor->bytes;
    }
    return differences;
}
