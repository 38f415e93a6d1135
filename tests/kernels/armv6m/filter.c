#include "check.h"
#include "kernels/mk/swar_filter.h"
#include "scale.h"

#define COLUMNS (9) // of positions, at most

static buffers_t buffers;
static uint32_t x[TML_SWAR_POSITION_WORDS * COLUMNS];

static bool check_pack(void (*model)(uint32_t *, const int8_t *, const tml_swar_columns_t *), void (*pack)(uint32_t *, const int8_t *, const tml_swar_columns_t *)) {
    static int8_t image[512];
    tml_swar_columns_t job = {.step = random_from(1, 7)};
    job.bytes = job.step * random_from(1, 20);
    for (unsigned i = 0; i < 13; i++) {
        job.offsets[i] = (int32_t)random_from(0, sizeof(image) - 1 - job.bytes) - 128;
    }
    fill_both(&buffers);
    fill(image, sizeof(image));
    model((uint32_t *)(void *)(buffers.expected + SPARE_BYTES), image + 128, &job);
    CALL(pack, buffers.found + SPARE_BYTES, image + 128, &job, 0);
    return same(&buffers);
}

bool check_tml_swar_pack_columns(void) {
    return check_pack(tml_swar_model_pack_columns, tml_swar_pack_columns);
}

bool check_tml_swar_pack_columns_2(void) {
    return check_pack(tml_swar_model_pack_columns_2, tml_swar_pack_columns_2);
}

// Lanes of any bytes.
static void draw_lanes(void) {
    static int8_t bytes[2 * TML_SWAR_POSITION_WORDS * COLUMNS];
    fill(bytes, sizeof(bytes));
    for (unsigned i = 0; i < TML_SWAR_POSITION_WORDS * COLUMNS; i++) {
        x[i] = tml_swar_lanes(bytes, (int32_t)(2 * i), (int32_t)(2 * i + 1));
    }
}

static tml_swar_filter_t draw_filter(void) {
    const tml_swar_scale_t scale = draw_scale(false);
    tml_swar_filter_t filter = {
        .start = random_word() >> random_from(0, 31),
        .limit = scale.limit & INT32_MAX,
        .offset = scale.offset,
        .factor_high = scale.factor_high,
        .factor_low = scale.factor_low,
    };
    fill(filter.weights, sizeof(filter.weights));
    return filter;
}

static bool check_filter(unsigned taps, void (*filter_block)(const tml_swar_block_t *, const tml_swar_filter_t *, int8_t *)) {
    const uint32_t stride = random_from(1, 2), out_w = random_from(1, (COLUMNS - 3) / stride + 1), channels = random_from(1, 3);
    const uint32_t row = out_w * channels, step = TML_SWAR_POSITION_WORDS * stride;
    const tml_swar_filter_t filter = draw_filter();
    const tml_swar_block_t block = {
        .parts = {3 * row, row, random_from(0, 1) ? 4 * row : row, 2 * row, random_from(0, 1) ? 5 * row : 2 * row},
        .pixel_stride = channels,
        .next = 4 * step - 3 * 4 * TML_SWAR_POSITION_WORDS,
        .end = x + out_w * step,
        .x = x,
    };
    draw_lanes();
    fill_both(&buffers);
    tml_swar_model_filter_block(&block, &filter, (int8_t *)buffers.expected + SPARE_BYTES, taps);
    CALL(filter_block, &block, &filter, buffers.found + SPARE_BYTES, 0);
    return same(&buffers);
}

bool check_tml_swar_filter_by_columns(void) {
    return check_filter(3, tml_swar_filter_by_columns);
}

bool check_tml_swar_filter_by_pairs(void) {
    return check_filter(2, tml_swar_filter_by_pairs);
}
