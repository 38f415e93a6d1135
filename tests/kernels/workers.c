// Two workers share the slices of every record, with a barrier behind each: what a second core would do. Under ThreadSanitizer,
// which reports any byte that one of them writes while the other uses it. Usage: workers MODULE SEED
// Prints: <slices of the second worker> <output bytes that differ from those of one worker>
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tml_exec.h"

#define WORKERS (2)

typedef struct {
    const tml_plan_t *plan;
    uint8_t *arena;
    pthread_barrier_t *barrier;
    uint32_t number, scratch, slices;
} worker_t;

static void *work(void *argument) {
    worker_t *worker = argument;
    for (uint32_t record = 0; record < TML_N_RECORDS(worker->plan->header); record++) {
        uint32_t slice = worker->number;
        while (slice < tml_run_slice(worker->plan, worker->arena, record, slice, worker->scratch)) {
            slice += WORKERS;
            worker->slices++;
        }
        pthread_barrier_wait(worker->barrier);
    }
    return NULL;
}

// The second worker's scratch lies behind the arena.
static uint32_t run_shared(const tml_plan_t *plan, uint8_t *arena) {
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, WORKERS);
    worker_t first = {plan, arena, &barrier, 0, TML_PLANNED_SCRATCH, 0};
    worker_t second = {plan, arena, &barrier, 1, plan->header->arena_bytes, 0};
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, &second) != 0) {
        abort();
    }
    work(&first);
    pthread_join(thread, NULL);
    return second.slices;
}

static uint8_t *aligned(size_t size) {
    void *memory = NULL;
    if (posix_memalign(&memory, TML_ALIGN, size) != 0) {
        abort();
    }
    return memory;
}

static uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        abort();
    }
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = aligned(*size);
    if (fread(bytes, 1, *size, file) != *size) {
        abort();
    }
    fclose(file);
    return bytes;
}

static void fill_inputs(const tml_plan_t *plan, uint8_t *arena, uint32_t seed) {
    for (uint32_t i = 0; i < plan->header->n_inputs; i++) {
        tml_selftest_fill(&seed, arena + plan->tensors[i].offset, plan->tensors[i].bytes);
    }
}

static uint32_t differences(const tml_plan_t *plan, const uint8_t *a, const uint8_t *b) {
    uint32_t n = 0;
    for (uint32_t i = plan->header->n_inputs; i < (uint32_t)plan->header->n_inputs + plan->header->n_outputs; i++) {
        for (uint32_t at = plan->tensors[i].offset, end = at + plan->tensors[i].bytes; at < end; at++) {
            n += a[at] != b[at];
        }
    }
    return n;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        return 2;
    }
    size_t size;
    const uint8_t *module = read_file(argv[1], &size);
    tml_plan_t plan;
    tml_fault_t fault;
    if (tml_load(&plan, module, size, &tml_target, &fault) != TML_OK) {
        return 2;
    }
    const uint32_t seed = (uint32_t)atoi(argv[2]);
    uint8_t *alone = aligned(plan.header->arena_bytes), *shared = aligned(plan.header->arena_bytes + plan.header->scratch_bytes);
    fill_inputs(&plan, alone, seed);
    fill_inputs(&plan, shared, seed);
    tml_run(&plan, alone);
    const uint32_t slices = run_shared(&plan, shared);
    printf("%u %u\n", (unsigned)slices, (unsigned)differences(&plan, alone, shared));
    return 0;
}
