#include "check.h"
#include "scale.h"

#define SIDE (9) // positions, at most

static buffers_t buffers;
static uint32_t x[2 * SIDE * SIDE];

// Four planes of bytes, a row of `columns` positions below the other.
static void draw_lanes(uint32_t positions) {
    int8_t bytes[4 * SIDE];
    for (uint32_t done = 0; done < positions; done++) {
        fill(bytes, sizeof(bytes));
        const int8_t *const rows[4] = {bytes, bytes + 1, bytes + 2, bytes + 3};
        tml_swar_model_pack_columns(x + 2 * done, rows, 4, 1);
    }
}

bool check_tml_swar_pack_columns(void) {
    static int8_t image[4][80];
    const uint32_t step = random_from(1, 5), n = random_from(1, 14);
    fill_both(&buffers);
    fill(image, sizeof(image));
    const int8_t *const rows[4] = {image[0], image[1] + 1, image[2] + 2, image[3] + 3};
    tml_swar_model_pack_columns((uint32_t *)(void *)(buffers.expected + SPARE_BYTES), rows, step, n);
    CALL(tml_swar_pack_columns, buffers.found + SPARE_BYTES, rows, step, n);
    return same(&buffers);
}

// A job as kernels/m0plus/depthwise_conv_2d.c makes it, with a 3 x 3 filter of any weights.
static tml_swar_planes_t draw_job(void) {
    const uint32_t stride = random_from(1, 2), most = (SIDE - 3) / stride + 1;
    const uint32_t out_w = random_from(1, most), out_rows = random_from(1, most), channels = random_from(1, 3);
    const uint32_t columns = (out_w - 1) * stride + 3, rows = (out_rows - 1) * stride + 3, pitch = 8 * columns, part = out_w * out_rows * channels;
    const tml_swar_scale_t scale = draw_scale(false);
    draw_lanes(rows * columns);
    tml_swar_planes_t job = {
        .parts = {part, 3 * part, 2 * part},
        .offset = scale.offset, .factor_high = scale.factor_high, .factor_low = scale.factor_low, .factor_bits = scale.factor_bits,
        .limit = scale.limit,
        .down = pitch - 24,
        .next = 8 * stride - 2 * pitch - 24,
        .pixel_stride = channels,
        .row_end = x + 2 * stride * out_w,
        .skip = stride * (pitch - 8 * out_w),
        .pitch = stride * pitch,
        .end = x + stride * pitch / 4 * out_rows,
        .x = x,
        .start = random_word(),
    };
    int8_t weights[9];
    fill(weights, sizeof(weights));
    for (unsigned i = 0; i < 9; i++) {
        job.weights[i] = (uint32_t)weights[i];
    }
    return job;
}

static bool check_filter(unsigned taps, void (*filter)(const tml_swar_planes_t *)) {
    tml_swar_planes_t job = draw_job(), model = job;
    fill_both(&buffers);
    job.out = (int8_t *)buffers.found + SPARE_BYTES;
    model.out = (int8_t *)buffers.expected + SPARE_BYTES;
    tml_swar_model_filter_rows(&model, taps);
    CALL(filter, &job, 0, 0, 0);
    return same(&buffers);
}

bool check_tml_swar_filter_by_rows(void) {
    return check_filter(3, tml_swar_filter_by_rows);
}

bool check_tml_swar_filter_by_pairs(void) {
    return check_filter(2, tml_swar_filter_by_pairs);
}
