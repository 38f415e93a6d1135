#include "tml_slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

// Multiply-accumulates of a slice, where the units allow: about half a millisecond on a Cortex-M0+ at 125 MHz.
#ifndef TML_SLICE_STEPS
#define TML_SLICE_STEPS (16384)
#endif
// Other operators take longer for what they do to each element.
#define ELEMENTS (TML_SLICE_STEPS / 8)

// Kernels take four pixels at a time, six rows of a depthwise layer, eight output features.
#define PIXELS (4)
#define ROWS (6)
#define FEATURES (8)

// How much longer a multiply-accumulate takes in the plain kernel of int16.
#define PLAIN (4)

#define IS_CONV (1u << TML_OP_CONV_2D | 1u << TML_OP_DEPTHWISE_CONV_2D)
#define IS_POOL (1u << TML_OP_AVERAGE_POOL_2D | 1u << TML_OP_MAX_POOL_2D)
#define IS_WIDE (1u << TML_OP_CONV_INT16 | 1u << TML_OP_POOL_INT16) // of two bytes per element, the image where a pool has it
#define IS(record, set) ((1u << (record)->head.op & (set)) != 0)

// A record is cut along units of its output. Each slice has `step` of them, the last one what is left over too.
typedef struct {
    uint32_t units, step;
} cut_t;

// The image in the records of convolutions and pools: the same fields in the same order.
typedef struct {
    uint16_t in_h, in_w, in_c, out_h, out_w, out_c, filter_h, filter_w, pad_top, pad_left;
    uint8_t stride_h, stride_w, dilation_h, dilation_w;
} image_t;

#define SAME_PLACE(record, field) \
    _Static_assert(offsetof(record, field) - offsetof(record, in_h) == offsetof(image_t, field), #field)
SAME_PLACE(tml_conv_t, out_h);
SAME_PLACE(tml_conv_t, pad_top);
SAME_PLACE(tml_conv_t, dilation_w);
_Static_assert(offsetof(tml_conv_int16_t, in_h) == offsetof(tml_pool_t, in_h), "in_h");
SAME_PLACE(tml_conv_int16_t, out_h);
SAME_PLACE(tml_conv_int16_t, pad_top);
SAME_PLACE(tml_conv_int16_t, dilation_w);
SAME_PLACE(tml_pool_t, out_h);
SAME_PLACE(tml_pool_t, pad_top);
SAME_PLACE(tml_pool_t, dilation_w);

static uint8_t *image_in(tml_record_t *record) {
    return (uint8_t *)record + (IS(record, IS_POOL | IS_WIDE) ? offsetof(tml_pool_t, in_h) : offsetof(tml_conv_t, in_h));
}

// As many units as there are steps for, in multiples of `grain`. (Sizes so large that they wrap make small slices.)
static cut_t cut(uint32_t units, uint32_t steps_per_unit, uint32_t grain) {
    uint32_t steps = steps_per_unit * grain, grains = steps != 0 ? TML_SLICE_STEPS / steps : 0;
    return (cut_t) {units, grains > 1 ? grains * grain : grain};
}

// A 1 x 1 convolution sees a row of pixels, which can be cut anywhere. Here the row stands upright, so that its pixels are rows.
static bool flatten(const tml_record_t *record, image_t *image) {
    const uint32_t pixels = (uint32_t)image->out_h * image->out_w;
    bool pointwise = (image->filter_h | image->filter_w | image->stride_h | image->stride_w) == 1 && image->in_w == image->out_w;
    if (record->head.op != TML_OP_CONV_2D || !pointwise || pixels > UINT16_MAX) {
        return false;
    }
    image->in_w = image->out_w = 1;
    image->in_h = image->out_h = (uint16_t)pixels;
    return true;
}

// Rows of the output.
static cut_t cut_image(const tml_record_t *record, const image_t *image) {
    const tml_head_t *head = &record->head;
    uint32_t steps = (uint32_t)image->out_w * image->out_c * image->filter_h * image->filter_w, grain = 1;
    bool dense = head->op == TML_OP_CONV_2D;
    if (dense) {
        grain = image->out_w % PIXELS == 0 ? 1 : image->out_w % 2 == 0 ? PIXELS / 2 : PIXELS; // whole blocks of pixels
    } else if (head->variant == TML_VARIANT_SWAR) {
        grain = ROWS;
    }
    // Which side is the longer one decides the order of the weights of the DSP kernel for depthwise convolutions.
    bool fixed = !dense && head->variant == TML_VARIANT_DSP && image->out_h > image->out_w;
    const uint32_t depth = head->op == TML_OP_CONV_INT16 ? PLAIN * record->conv_int16.filter_c : dense ? image->in_c : 2;
    return cut(fixed ? 1 : image->out_h, steps * depth, grain);
}

// Their windows begin further down in the input: by whole rows of it once the padding is used up.
static void take_rows(tml_head_t *head, image_t *image, uint32_t first, uint32_t n) {
    const uint32_t down = first * image->stride_h, rows = down > image->pad_top ? down - image->pad_top : 0;
    const uint32_t item = (1u << head->op & IS_WIDE) != 0 ? 2 : 1;
    head->input += rows * image->in_w * image->in_c * item;
    head->output += first * image->out_w * image->out_c * item;
    image->pad_top = (uint16_t)(image->pad_top - (down - rows));
    image->in_h = (uint16_t)(image->in_h - rows);
    image->out_h = (uint16_t)n;
}

// Features of the only row of the output.
static void take_features(tml_fully_connected_t *fc, uint32_t first, uint32_t n) {
    fc->weights += first * fc->in_features;
    fc->channels += first * sizeof(tml_channel_t);
    fc->output += first;
    fc->out_features = n;
}

// A fully-connected layer of int16, or a convolution of one window, is cut along its channels.
static bool is_one_pixel(const tml_record_t *record) {
    const tml_conv_int16_t *c = &record->conv_int16;
    return c->op == TML_OP_CONV_INT16 && (c->out_h | c->out_w) == 1 && c->filter_c == c->in_c;
}

static void take_channels(tml_conv_int16_t *c, uint32_t first, uint32_t n) {
    c->weights += first * c->filter_h * c->filter_w * c->filter_c;
    c->channels += first * sizeof(tml_wide_channel_t);
    c->output += first * sizeof(int16_t);
    c->out_c = (uint16_t)n;
}

static void take_elements(tml_add_t *add, uint32_t first, uint32_t n) {
    add->input += first;
    add->input2 += first;
    add->output += first;
    add->count = n;
}

// Operators that are not named here run in one slice, and so do layouts of weights that cannot be cut.
static cut_t cut_record(const tml_record_t *record, const image_t *image) {
    const tml_fully_connected_t *fc = &record->fully_connected;
    if (is_one_pixel(record)) {
        return cut(image->out_c, (uint32_t)image->filter_h * image->filter_w * image->in_c * PLAIN, FEATURES);
    }
    if (IS(record, IS_CONV | IS_POOL | IS_WIDE)) {
        return cut_image(record, image);
    }
    if (record->head.op == TML_OP_FULLY_CONNECTED && fc->variant == TML_VARIANT_PLAIN && fc->rows == 1) {
        return cut(fc->out_features, fc->in_features, FEATURES);
    }
    if (record->head.op == TML_OP_ADD) {
        return cut(record->add.count, TML_SLICE_STEPS / ELEMENTS, ELEMENTS);
    }
    return (cut_t) {1, 1};
}

uint32_t tml_slice(const tml_record_t *record, uint32_t slice, tml_record_t *part) {
    image_t image;
    *part = *record;
    memcpy(&image, image_in(part), sizeof(image));
    const bool flat = flatten(record, &image);
    const cut_t all = cut_record(record, &image);
    const uint32_t slices = all.units / all.step, first = slice * all.step, n = slice + 1 < slices ? all.step : all.units - first;
    if (slices <= 1) {
        return 1;
    }
    if (record->head.op == TML_OP_FULLY_CONNECTED) {
        take_features(&part->fully_connected, first, n);
    } else if (is_one_pixel(record)) {
        take_channels(&part->conv_int16, first, n);
    } else if (record->head.op == TML_OP_ADD) {
        take_elements(&part->add, first, n);
    } else {
        take_rows(&part->head, &image, first, n);
        if (flat) {
            image.in_w = image.out_w = image.out_h;
            image.in_h = image.out_h = 1;
        }
        memcpy(image_in(part), &image, sizeof(image));
    }
    return slices;
}

void tml_move_scratch(tml_record_t *record, uint32_t scratch) {
    if (IS(record, IS_CONV)) {
        record->conv.scratch = scratch;
    } else if (record->head.op == TML_OP_FULLY_CONNECTED) {
        record->fully_connected.scratch = scratch;
    }
}
