// CONV_2D, two products per multiplication (kernels/mk/swar.h): the patches of four output pixels are packed once into scratch, then
// all output channels are computed from them. Output pixels are taken in their linear order; the last four may overlap the four
// before. Input, output and scratch must not overlap; at least 4 pixels.
//
// Constants (`aux`): flags, then a piece of stream per output channel, see tml_swar_dot_t. Scratch: lanes [patch, rounded up to 4][2];
// where the filter reaches beyond the image or is dilated along rows, copies of the patches behind them. Compiler:
// host/tinymlaas/variants/swar_conv_2d.py.
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
    int32_t last_y, last_x; // where a filter may start to lie inside the image; -1: patches are copied
    uint32_t *lanes;
    int8_t *copies; // of four patches
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

static int32_t at_most(int32_t value, int32_t limit) {
    return value < limit ? value : limit;
}

// One row of a patch that starts at column x of an input row: what lies in the image.
static void gather_row(const tml_conv_t *c, const int8_t *row, int32_t x, int8_t *to) {
    if (c->dilation_w == 1) {
        const int32_t begin = x < 0 ? -x : 0, end = at_most(c->in_w - x, c->filter_w); // end > begin: windows meet the image
        memcpy(to + begin * c->in_c, row + (x + begin) * c->in_c, (uint32_t)((end - begin) * c->in_c));
        return;
    }
    for (uint32_t fx = 0; fx < c->filter_w; fx++, x += c->dilation_w, to += c->in_c) {
        if (x >= 0 && x < c->in_w) {
            memcpy(to, row + (uint32_t)x * c->in_c, c->in_c);
        }
    }
}

// A copy of a pixel's patch, with zero points where it lies outside the image.
static void gather(const image_t *image, const place_t *place, int8_t *to) {
    const tml_conv_t *c = image->conv;
    const uint32_t n = (uint32_t)c->in_c * c->filter_w;
    int32_t y = place->y;
    memset(to, c->in_zero_point, n * c->filter_h);
    for (uint32_t fy = 0; fy < c->filter_h; fy++, y += c->dilation_h, to += n) {
        if (y >= 0 && y < c->in_h) {
            gather_row(c, image->input + (uint32_t)y * c->in_w * c->in_c, place->x, to);
        }
    }
}

static bool is_inside(const image_t *image, const place_t *place) {
    return place->y >= 0 && place->y <= image->last_y && place->x >= 0 && place->x <= image->last_x;
}

// The patches of four pixels from `place` on, which moves behind them. They are taken from the image, or else from copies.
static void pack(const image_t *image, place_t *place) {
    const tml_conv_t *c = image->conv;
    const uint32_t n = (uint32_t)c->in_c * c->filter_w, patch_bytes = n * c->filter_h;
    tml_swar_patch_t patch = {.lanes = image->lanes, .lanes_end = image->lanes + 2 * patch_bytes, .row_bytes = n};
    for (uint32_t i = 0; i < PIXELS; i++) {
        if (is_inside(image, place)) {
            patch.pixels[i] = image->input + ((uint32_t)place->y * c->in_w + (uint32_t)place->x) * c->in_c;
            patch.strides[i] = (uint32_t)c->dilation_h * c->in_w * c->in_c;
        } else {
            int8_t *copy = image->copies + i * patch_bytes;
            gather(image, place, copy);
            patch.pixels[i] = copy;
            patch.strides[i] = n;
        }
        next_place(c, place);
    }
    tml_swar_pack_patch(&patch);
}

static image_t image_of(const tml_context_t *context, const tml_conv_t *c) {
    uint32_t *lanes = (uint32_t *)(void *)(context->arena + c->scratch);
    const int32_t last_y = c->in_h - 1 - (c->filter_h - 1) * c->dilation_h, last_x = c->in_w - c->filter_w;
    return (image_t) {
               c, (const int8_t *)(context->arena + c->input), last_y, c->dilation_w == 1 ? last_x : -1,
               lanes, (int8_t *)(lanes + 8 * patch_words(c)),
    };
}

void tml_swar_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const uint32_t pixels = (uint32_t)c->out_h * c->out_w;
    const image_t image = image_of(context, c);
    place_t place = place_of(c, 0);
    for (uint32_t done = 0; done < pixels; done += PIXELS) {
        if (done + PIXELS > pixels) {
            done = pixels - PIXELS;
            place = place_of(c, done);
        }
        pack(&image, &place);
        const tml_swar_dot_t job = {
            image.lanes, patch_words(c), (int8_t *)(context->arena + c->output) + done * c->out_c, c->out_c,
            (const uint32_t *)(const void *)(context->module + c->aux),
        };
        tml_swar_dot(&job);
    }
}

// Whether a filter reaches beyond the image or is dilated, so that patches are copied first.
static bool needs_copies(const tml_conv_t *c) {
    const uint32_t bottom = (c->out_h - 1u) * c->stride_h + (c->filter_h - 1u) * c->dilation_h, right = (c->out_w - 1u) * c->stride_w + c->filter_w;
    return c->dilation_w != 1 || c->pad_top != 0 || c->pad_left != 0 || bottom >= c->in_h || right > c->in_w;
}

// What is left of the stream.
typedef struct {
    const tml_bounds_t *bounds;
    uint32_t offset, end;
} stream_t;

// The next words; NULL: there are not so many.
static const uint32_t *take(stream_t *stream, uint32_t words) {
    if (words > (stream->end - stream->offset) / 4) {
        return NULL;
    }
    stream->offset += 4 * words;
    return (const uint32_t *)(const void *)(stream->bounds->module + stream->offset - 4 * words);
}

static tml_status_t ends_early(const stream_t *stream) {
    return tml_fail(stream->bounds, TML_CONSTANTS, stream->offset, stream->end);
}

// Every entry of a rest points into the lanes.
static tml_status_t check_rest(stream_t *stream, uint32_t lanes_bytes) {
    const uint32_t *size = take(stream, 1);
    const uint32_t *entry = size == NULL || *size % 8 != 0 ? NULL : take(stream, *size / 4);
    if (entry == NULL) {
        return ends_early(stream);
    }
    for (const uint32_t *end = entry + *size / 4; entry < end; entry++) {
        const uint32_t back = 0x10000 - (*entry & 0xffff);
        if (back % 8 != 0 || back > lanes_bytes) {
            return tml_fail(stream->bounds, TML_CONSTANTS, back, lanes_bytes);
        }
    }
    return TML_OK;
}

// One channel; `flags` say what it is, and become those of the next.
static tml_status_t check_channel(stream_t *stream, uint32_t words, uint32_t *flags) {
    if (take(stream, (*flags & TML_SWAR_SPARSE) != 0 ? 1 : 1 + words) == NULL) {
        return ends_early(stream);
    }
    TML_TRY(check_rest(stream, 32 * words));
    const uint32_t *scale = take(stream, 5);
    if (scale == NULL || ((scale[4] & TML_SWAR_TIES) != 0 && take(stream, 1) == NULL)) {
        return ends_early(stream);
    }
    *flags = scale[4];
    return (*flags & 0xff) > 30 ? tml_fail(stream->bounds, TML_QUANTISATION, *flags & 0xff, 30) : TML_OK;
}

static tml_status_t check_stream(tml_bounds_t *bounds, const tml_conv_t *c) {
    stream_t stream = {bounds, c->aux, c->aux + c->aux_bytes};
    TML_TRY(tml_check_constants(bounds, c->aux, c->aux_bytes));
    const uint32_t *first = take(&stream, 1);
    if (first == NULL) {
        return ends_early(&stream);
    }
    uint32_t channels = 0;
    for (uint32_t flags = *first; (flags & TML_SWAR_LAST) == 0; channels++) {
        TML_TRY(check_channel(&stream, patch_words(c), &flags));
    }
    if (channels != c->out_c) {
        return tml_fail(bounds, TML_CONSTANTS, channels, c->out_c);
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
    TML_TRY(tml_check_count(bounds, patch, 0x8000 / 8));
    if ((uint32_t)c->out_h * c->out_w < PIXELS || c->scratch % 4 != 0) {
        return tml_fail(bounds, TML_SHAPE, (uint32_t)c->out_h * c->out_w, PIXELS);
    }
    const uint32_t copies = needs_copies(c) ? PIXELS * (uint32_t)patch : 0;
    TML_TRY(tml_check_scratch(bounds, &scratch, 32 * patch_words(c) + copies, &spans[0], &spans[1]));
    return check_stream(bounds, c);
}
