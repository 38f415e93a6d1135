#include "check.h"
#include "kernels/mk/swar_filter.h"
#include "scale.h"

#define COLUMNS (9) // of positions, at most
#define CHANNELS (3)
#define BLOCKS (2)
#define MIDDLE (128) // of the image: offsets point to both sides

static buffers_t buffers;
static uint32_t lanes[TML_SWAR_POSITION_WORDS * COLUMNS];
static int8_t image_bytes[512];

static tml_swar_rows_of_block_t draw_rows(uint32_t columns) {
    tml_swar_rows_of_block_t rows = {.step = random_from(1, 7), .out = random_from(0, 50)};
    rows.bytes = rows.step * columns;
    for (unsigned i = 0; i < 13; i++) {
        rows.offsets[i] = (int32_t)random_from(0, sizeof(image_bytes) - 1 - CHANNELS - rows.bytes) - MIDDLE;
    }
    return rows;
}

static bool check_pack(tml_swar_pack_columns_t model, tml_swar_pack_columns_t pack) {
    const tml_swar_rows_of_block_t rows = draw_rows(random_from(1, 20));
    fill_both(&buffers);
    fill(image_bytes, sizeof(image_bytes));
    model((uint32_t *)(void *)(buffers.expected + SPARE_BYTES), image_bytes + MIDDLE, &rows);
    CALL(pack, buffers.found + SPARE_BYTES, image_bytes + MIDDLE, &rows, 0);
    return same(&buffers);
}

bool check_tml_swar_pack_columns(void) {
    return check_pack(tml_swar_model_pack_columns, tml_swar_pack_columns);
}

bool check_tml_swar_pack_columns_2(void) {
    return check_pack(tml_swar_model_pack_columns_2, tml_swar_pack_columns_2);
}

static tml_swar_filter_t draw_filter(void) {
    const tml_swar_scale_t scale = draw_scale(false);
    tml_swar_filter_t filter = {
        .by_pairs = (uint8_t)random_from(0, 1),
        .start = random_word() >> random_from(0, 31),
        .limit = scale.limit,
        .offset = scale.offset,
        .factor_high = scale.factor_high,
        .factor_low = scale.factor_low,
    };
    fill(filter.weights, sizeof(filter.weights));
    return filter;
}

bool check_tml_swar_filter_channels(void) {
    tml_swar_filter_t filters[CHANNELS];
    tml_swar_rows_of_block_t blocks[BLOCKS];
    const uint32_t stride = random_from(1, 2), out_w = random_from(1, (COLUMNS - 3) / stride + 1), n = random_from(1, CHANNELS);
    const uint32_t row = out_w * n, step = TML_SWAR_POSITION_WORDS * stride;
    tml_swar_image_t image = {
        .parts = {3 * row, row, random_from(0, 1) ? 4 * row : row, 2 * row, random_from(0, 1) ? 5 * row : 2 * row},
        .pixel_stride = n,
        .next = 4 * step - 3 * 4 * TML_SWAR_POSITION_WORDS,
        .end = lanes + out_w * step,
        .x = lanes,
        .pack = random_from(0, 1) ? tml_swar_pack_columns : tml_swar_pack_columns_2,
        .lanes = lanes,
        .blocks = blocks,
        .blocks_end = blocks + random_from(1, BLOCKS),
    };
    for (unsigned i = 0; i < CHANNELS; i++) {
        filters[i] = draw_filter();
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i] = draw_rows((out_w - 1) * stride + 3);
    }
    fill(image_bytes, sizeof(image_bytes));
    fill_both(&buffers);
    tml_swar_channels_t model = {filters + n, filters, (int8_t *)buffers.expected + SPARE_BYTES, image_bytes + MIDDLE}, job = model;
    job.out = (int8_t *)buffers.found + SPARE_BYTES;
    tml_swar_model_filter_channels(&image, &model);
    CALL(tml_swar_filter_channels, &image, &job, 0, 0);
    return same(&buffers);
}
