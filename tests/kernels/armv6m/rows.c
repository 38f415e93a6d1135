#include <string.h>

#include "check.h"
#include "kernels/mk/swar_rows.h"
#include "scale.h"

#define MAX_WINDOWS (4)
#define LANE_WORDS (MAX_WINDOWS * (2 + 2 * TML_SWAR_STEPS) + 2)

static buffers_t buffers;
static int8_t input[2 * MAX_WINDOWS * TML_SWAR_STEPS + 4];
static uint8_t windows[MAX_WINDOWS];
static uint32_t lanes[LANE_WORDS];
static uint32_t weights[2 * 2 * MAX_WINDOWS * TML_SWAR_STEPS]; // of two groups of four rows

// Returns the steps of all windows.
static uint32_t draw_windows(void) {
    const uint32_t n = random_from(1, MAX_WINDOWS);
    uint32_t steps = 0;
    for (uint32_t i = 0; i < n; i++) {
        windows[i] = (uint8_t)random_from(1, TML_SWAR_STEPS);
        steps += windows[i];
    }
    windows[n - 1] |= TML_SWAR_CHUNK_ENDS;
    return steps;
}

bool check_tml_swar_expand(void) {
    fill_both(&buffers);
    fill(input, sizeof(input));
    draw_windows();
    const int8_t *from = input + random_from(0, 3);
    tml_swar_expand_t model = {(uint32_t *)(void *)(buffers.expected + SPARE_BYTES), from, windows};
    tml_swar_expand_t job = {(uint32_t *)(void *)(buffers.found + SPARE_BYTES), from, windows};
    tml_swar_model_expand(&model);
    CALL(tml_swar_expand, &job, 0, 0, 0);
    return same(&buffers) && model.input == job.input && model.window == job.window;
}

bool check_tml_swar_rows(void) {
    fill_both(&buffers);
    fill(input, sizeof(input));
    fill(weights, sizeof(weights));
    draw_windows();
    tml_swar_expand_t expand = {lanes, input, windows};
    tml_swar_model_expand(&expand);
    const uint32_t rows = 4 * random_from(1, 2);
    uint32_t *expected = (uint32_t *)(void *)(buffers.expected + SPARE_BYTES), *found = (uint32_t *)(void *)(buffers.found + SPARE_BYTES);
    const tml_swar_rows_t model = {lanes, weights, expected, expected + rows}, job = {lanes, weights, found, found + rows};
    const uint32_t *end = tml_swar_model_rows(&model);
    return CALL(tml_swar_rows, &job, 0, 0, 0) == (uint32_t)end && same(&buffers);
}

bool check_tml_swar_scale_rows(void) {
    static uint32_t sums[40];
    fill_both(&buffers);
    fill(sums, sizeof(sums));
    tml_swar_scale_t scale = draw_scale(true);
    const uint32_t n = random_from(1, 40);
    // Sums in the range that is not clamped are the interesting ones.
    for (uint32_t i = 0; i < n; i += 2) {
        sums[i] = scale.limit == 0 ? 0 : random_word() % scale.limit;
    }
    tml_swar_model_scale_rows(sums, (int8_t *)buffers.expected + SPARE_BYTES + 1, n, &scale);
    CALL(tml_swar_scale_rows, sums, buffers.found + SPARE_BYTES + 1, n, &scale);
    return same(&buffers);
}
