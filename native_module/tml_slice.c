#include "tml_slice.h"

#include <stddef.h>
#include <string.h>

// Multiply-accumulates of a slice, where the units allow: about half a millisecond on a Cortex-M0+ at 125 MHz. Other operators
// take longer for what they do to each element.
#ifndef TML_SLICE_STEPS
#define TML_SLICE_STEPS (16384u)
#endif
#define TAPS (TML_SLICE_STEPS / 2)
#define ELEMENTS (TML_SLICE_STEPS / 8)
#define EXPONENTIALS (TML_SLICE_STEPS / 256)

// Kernels take four pixels at a time, and eight output features.
#define PIXELS (4)
#define FEATURES (8)

// Units of output that a record is cut along, and how many of them each slice has; the last slice has what is left over too.
typedef struct {
    uint32_t units, per_slice;
} cut_t;

// How an operator is cut, and what becomes of a record that is to make `n` units from `first` on.
typedef struct {
    cut_t (*cut)(const tml_record_t *record);
    void (*take)(tml_record_t *record, uint32_t first, uint32_t n);
} slicer_t;

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
SAME_PLACE(tml_pool_t, out_h);
SAME_PLACE(tml_pool_t, pad_top);
SAME_PLACE(tml_pool_t, dilation_w);

// As many units as there are steps for, in multiples of `grain`.
static cut_t cut(uint32_t units, uint32_t steps, uint32_t grain) {
    return (cut_t) {units, steps > grain ? steps - steps % grain : grain};
}

// Rows, as many as make whole blocks of pixels.
static uint32_t rows_of_blocks(uint32_t out_w) {
    return out_w % PIXELS == 0 ? 1 : out_w % 2 == 0 ? PIXELS / 2 : PIXELS;
}

static cut_t cut_conv(const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    uint32_t rows = TML_SLICE_STEPS / c->filter_h / c->filter_w / c->in_c / c->out_w / c->out_c;
    return cut(c->out_h, rows, rows_of_blocks(c->out_w));
}

// Which side is the longer one decides the order of the DSP kernel's weights. Others work on four rows at a time.
static cut_t cut_depthwise(const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    uint32_t rows = TAPS / c->filter_h / c->filter_w / c->out_w / c->out_c;
    bool fixed = c->variant == TML_VARIANT_DSP && c->out_h > c->out_w;
    return cut(fixed ? 1 : c->out_h, rows, c->variant == TML_VARIANT_PLAIN ? 1 : PIXELS);
}

static cut_t cut_pool(const tml_record_t *record) {
    const tml_pool_t *p = &record->pool;
    return cut(p->out_h, TAPS / p->filter_h / p->filter_w / p->out_w / p->out_c, 1);
}

// Output rows `first` to `first + n`. Their windows begin further down: by whole rows of the input once the padding is used up.
static void take_rows(tml_record_t *record, uint16_t *at, uint32_t first, uint32_t n) {
    image_t image;
    memcpy(&image, at, sizeof(image));
    const uint32_t down = first * image.stride_h, rows = down > image.pad_top ? down - image.pad_top : 0;
    record->head.input += rows * image.in_w * image.in_c;
    record->head.output += first * image.out_w * image.out_c;
    image.pad_top = (uint16_t)(image.pad_top - (down - rows));
    image.in_h = (uint16_t)(image.in_h - rows);
    image.out_h = (uint16_t)n;
    memcpy(at, &image, sizeof(image));
}

static void take_conv(tml_record_t *record, uint32_t first, uint32_t n) {
    take_rows(record, &record->conv.in_h, first, n);
}

static void take_pool(tml_record_t *record, uint32_t first, uint32_t n) {
    take_rows(record, &record->pool.in_h, first, n);
}

// Rows of the output; of a single one its features, if their weights are in plain order.
static cut_t cut_fully_connected(const tml_record_t *record) {
    const tml_fully_connected_t *fc = &record->fully_connected;
    uint32_t features = TML_SLICE_STEPS / fc->in_features;
    if (fc->rows == 1 && fc->variant == TML_VARIANT_PLAIN) {
        return cut(fc->out_features, features, FEATURES);
    }
    return cut(fc->rows, features / fc->out_features, 1);
}

static void take_fully_connected(tml_record_t *record, uint32_t first, uint32_t n) {
    tml_fully_connected_t *fc = &record->fully_connected;
    if (fc->rows == 1) {
        fc->weights += first * fc->in_features;
        fc->channels += first * sizeof(tml_channel_t);
        fc->output += first;
        fc->out_features = n;
    } else {
        fc->input += first * fc->in_features;
        fc->output += first * fc->out_features;
        fc->rows = n;
    }
}

static cut_t cut_add(const tml_record_t *record) {
    return cut(record->add.count, ELEMENTS, ELEMENTS);
}

static void take_add(tml_record_t *record, uint32_t first, uint32_t n) {
    tml_add_t *add = &record->add;
    add->input += first;
    add->input2 += first;
    add->output += first;
    add->count = n;
}

static cut_t cut_softmax(const tml_record_t *record) {
    return cut(record->softmax.rows, EXPONENTIALS / record->softmax.depth, 1);
}

static void take_softmax(tml_record_t *record, uint32_t first, uint32_t n) {
    tml_softmax_t *softmax = &record->softmax;
    softmax->input += first * softmax->depth;
    softmax->output += first * softmax->depth;
    softmax->rows = n;
}

// Operators that are not here run in one slice.
static const slicer_t slicers[TML_N_OPS] = {
    [TML_OP_CONV_2D] = {cut_conv, take_conv},
    [TML_OP_DEPTHWISE_CONV_2D] = {cut_depthwise, take_conv},
    [TML_OP_FULLY_CONNECTED] = {cut_fully_connected, take_fully_connected},
    [TML_OP_AVERAGE_POOL_2D] = {cut_pool, take_pool},
    [TML_OP_MAX_POOL_2D] = {cut_pool, take_pool},
    [TML_OP_ADD] = {cut_add, take_add},
    [TML_OP_SOFTMAX] = {cut_softmax, take_softmax},
};

static cut_t cut_of(const tml_record_t *record) {
    const slicer_t *slicer = &slicers[record->head.op];
    return slicer->cut != NULL ? slicer->cut(record) : (cut_t) {1, 1};
}

uint32_t tml_slices(const tml_record_t *record) {
    const cut_t all = cut_of(record);
    return all.units > all.per_slice ? all.units / all.per_slice : 1;
}

tml_record_t tml_slice(const tml_record_t *record, uint32_t slice) {
    tml_record_t part = *record;
    const cut_t all = cut_of(record);
    const uint32_t slices = tml_slices(record), first = slice * all.per_slice;
    if (slices > 1) {
        slicers[record->head.op].take(&part, first, slice + 1 < slices ? all.per_slice : all.units - first);
    }
    return part;
}

void tml_move_scratch(tml_record_t *record, uint32_t scratch) {
    if (slicers[record->head.op].take == take_conv) {
        record->conv.scratch = scratch;
    } else if (record->head.op == TML_OP_FULLY_CONNECTED) {
        record->fully_connected.scratch = scratch;
    }
}
