// CONV_2D, two products per multiplication (kernels/mk/swar.h): the patches of four output pixels are packed once into scratch, then
// all output channels are computed from them. Output pixels are taken in their linear order; the last four may overlap the four
// before. Input, output and scratch must not overlap; at least 4 pixels.
//
// Constants (`aux`): per output channel one piece of stream, see tml_swar_dot_t. Scratch: lanes
// [patch, rounded up to 4][2], then two rows of a patch, for those that reach beyond the image. Compiler: host/tinymlaas/variants/swar_conv_2d.py.
#include <string.h>

#include "kernels/check/bounds.h"
#include "kernels/mk/swar.h"

#define PIXELS (4)

static uint32_t patch_words(const tml_conv_t *c) {
    return ((uint32_t)c->filter_h * c->filter_w * c->in_c + 3) / 4;
}

// What a filter sees of the input.
typedef struct {
    const tml_conv_t *conv;
    const int8_t *input;
    int8_t *buffer; // two rows of a patch
} image_t;

// An output pixel, and where in the input its filter starts.
typedef struct {
    uint32_t out_x;
    int32_t y, x;
} place_t;

static place_t place_of(const tml_conv_t *c, uint32_t pixel) {
    uint32_t out_y = pixel / c->out_w, out_x = pixel - out_y * c->out_w;
    return (place_t) {out_x, (int32_t)(out_y * c->stride_h) - c->pad_top, (int32_t)(out_x * c->stride_w) - c->pad_left};
}

static void next_place(const tml_conv_t *c, place_t *place) {
    place->out_x++;
    place->x += c->stride_w;
    if (place->out_x == c->out_w) {
        *place = (place_t) {0, place->y + c->stride_h, -(int32_t)c->pad_left};
    }
}

// The row of the input under a row of the filter; NULL: padding.
static const int8_t *row_of(const image_t *image, const place_t *place, uint32_t fy) {
    const tml_conv_t *c = image->conv;
    int32_t y = place->y + (int32_t)(fy * c->dilation_h);
    return y < 0 || y >= c->in_h ? NULL : image->input + (uint32_t)y * c->in_w * c->in_c;
}

// The same column by column, for dilated filters.
static void spread_row(const image_t *image, const int8_t *row, int32_t x, int8_t *buffer) {
    const tml_conv_t *c = image->conv;
    for (uint32_t fx = 0; fx < c->filter_w; fx++, x += c->dilation_w, buffer += c->in_c) {
        if (x < 0 || x >= c->in_w) {
            memset(buffer, c->in_zero_point, c->in_c);
        } else {
            memcpy(buffer, row + (uint32_t)x * c->in_c, c->in_c);
        }
    }
}

static int32_t at_most(int32_t value, int32_t limit) {
    return value < limit ? value : limit;
}

// A filter row of the patch at column x of an input row: the image itself, or the given buffer filled with what is there.
static const int8_t *patch_row(const image_t *image, const int8_t *row, int32_t x, int8_t *buffer) {
    const tml_conv_t *c = image->conv;
    const int32_t in_c = c->in_c, width = c->filter_w, zero = c->in_zero_point;
    if (row == NULL) {
        memset(buffer, zero, (uint32_t)(width * in_c));
    } else if (c->dilation_w != 1) {
        spread_row(image, row, x, buffer);
    } else if (x >= 0 && x + width <= c->in_w) {
        return row + x * in_c;
    } else {
        const int32_t begin = at_most(x < 0 ? -x : 0, width), end = at_most(c->in_w - x, width); // end > begin: windows meet the image
        memset(buffer, zero, (uint32_t)(begin * in_c));
        memcpy(buffer + begin * in_c, row + (x + begin) * in_c, (uint32_t)((end - begin) * in_c));
        memset(buffer + end * in_c, zero, (uint32_t)((width - end) * in_c));
    }
    return buffer;
}

// The patches of two pixels into every other word.
static void pack_pair(const image_t *image, const place_t *a, const place_t *b, uint32_t *lanes) {
    const uint32_t n = (uint32_t)image->conv->in_c * image->conv->filter_w;
    for (uint32_t fy = 0; fy < image->conv->filter_h; fy++, lanes += 2 * n) {
        const int8_t *low = patch_row(image, row_of(image, a, fy), a->x, image->buffer);
        const int8_t *high = patch_row(image, row_of(image, b, fy), b->x, image->buffer + n);
        tml_swar_pack(lanes, low, high, n);
    }
}

// The patches of four pixels.
static void pack(const image_t *image, uint32_t pixel, uint32_t *lanes) {
    place_t places[PIXELS];
    places[0] = place_of(image->conv, pixel);
    for (unsigned i = 1; i < PIXELS; i++) {
        places[i] = places[i - 1];
        next_place(image->conv, &places[i]);
    }
    pack_pair(image, &places[0], &places[1], lanes);
    pack_pair(image, &places[2], &places[3], lanes + 1);
}

void tml_swar_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const uint32_t words = patch_words(c), pixels = (uint32_t)c->out_h * c->out_w;
    uint32_t *lanes = (uint32_t *)(void *)(context->arena + c->scratch);
    const image_t image = {c, (const int8_t *)(context->arena + c->input), (int8_t *)(lanes + 8 * words)};
    for (uint32_t done = 0; done < pixels; done += PIXELS) {
        const uint32_t pixel = done + PIXELS <= pixels ? done : pixels - PIXELS;
        int8_t *out = (int8_t *)(context->arena + c->output) + pixel * c->out_c;
        const tml_swar_dot_t job = {
            lanes, out, c->out_c, 4 * words, out + c->out_c, (const uint32_t *)(const void *)(context->module + c->aux),
        };
        pack(&image, pixel, lanes);
        tml_swar_dot(&job);
    }
}

// One channel's piece of the stream: every rest points into the lanes. Moves on to the next piece.
static tml_status_t check_piece(const tml_bounds_t *bounds, uint32_t words, uint32_t *offset, uint32_t end) {
    const uint32_t head = 4 * (words + 2), tail = sizeof(tml_swar_scale_t);
    if (end - *offset < head + tail) {
        return tml_fail(bounds, TML_CONSTANTS, *offset + head + tail, end);
    }
    const uint32_t *entry = (const uint32_t *)(const void *)(bounds->module + *offset + head);
    const uint32_t rest = entry[-1];
    if (rest % 8 != 0 || rest > end - *offset - head - tail) {
        return tml_fail(bounds, TML_CONSTANTS, rest, end);
    }
    for (const uint32_t *stop = entry + rest / 4; entry < stop; entry++) {
        if ((*entry & 7) != 0 || (*entry & 0xffff) >= 32 * words) {
            return tml_fail(bounds, TML_CONSTANTS, *entry & 0xffff, 32 * words);
        }
    }
    *offset += head + rest + tail;
    const tml_swar_scale_t *scale = (const tml_swar_scale_t *)(const void *)entry;
    return scale->factor_bits > 30 ? tml_fail(bounds, TML_QUANTISATION, scale->factor_bits, 30) : TML_OK;
}

static tml_status_t check_stream(tml_bounds_t *bounds, const tml_conv_t *c) {
    uint32_t offset = c->aux;
    TML_TRY(tml_check_constants(bounds, offset, c->aux_bytes));
    for (uint32_t i = 0; i < c->out_c; i++) {
        TML_TRY(check_piece(bounds, patch_words(c), &offset, c->aux + c->aux_bytes));
    }
    return tml_check_work(bounds, (uint64_t)c->aux_bytes * c->out_h * c->out_w);
}

tml_status_t tml_check_swar_conv_2d(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const tml_window_t window = TML_WINDOW_OF(c);
    const tml_span_t scratch = {c->scratch, c->scratch_bytes};
    tml_span_t spans[2];
    TML_TRY(tml_check_image(bounds, &record->head, &window, spans));
    const uint64_t patch = (uint64_t)c->filter_h * c->filter_w * c->in_c;
    TML_TRY(tml_check_count(bounds, patch, 0x10000 / 8));
    if ((uint32_t)c->out_h * c->out_w < PIXELS || c->scratch % 4 != 0) {
        return tml_fail(bounds, TML_SHAPE, (uint32_t)c->out_h * c->out_w, PIXELS);
    }
    TML_TRY(tml_check_scratch(bounds, &scratch, 32 * patch_words(c) + 2u * c->filter_w * c->in_c, &spans[0], &spans[1]));
    return check_stream(bounds, c);
}
