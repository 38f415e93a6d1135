// CONV_2D, two products per multiplication (kernels/mk/swar.h): the patches of four output pixels are packed once into scratch, then
// all output channels are computed from them. Output pixels are taken in their linear order; the last two or four may overlap those
// before. Input, output and scratch must not overlap; at least 4 pixels.
//
// Constants (`aux`): flags, then a piece of stream per output channel, see tml_swar_dot_t. Scratch: see tml_patches_t. Compiler:
// host/tinymlaas/variants/swar_conv_2d.py.
#include "kernels/check/bounds.h"
#include "kernels/m0plus/patches.h"

#define PIXELS (4)

void tml_swar_conv_2d(const tml_context_t *context, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const uint32_t pixels = (uint32_t)c->out_h * c->out_w, stride = c->out_c;
    tml_patches_t patches;
    tml_patches_begin(&patches, context, c);
    tml_swar_dot_t job = {.x = patches.patch.lanes, .words = tml_patch_words(c), .stream = (const uint32_t *)(const void *)(context->module + c->aux)};
    for (uint32_t pixel = 0; pixel < pixels; pixel += PIXELS) {
        uint32_t n = PIXELS;
        if (pixels - pixel < PIXELS) {
            n = pixels - pixel == 3 ? 4 : 2;
            pixel = pixels - n;
            tml_patches_seek(&patches, pixel);
        }
        tml_patches_pack(&patches, n);
        job.out = (int8_t *)(context->arena + c->output) + pixel * stride;
        job.pixels[0] = stride;
        job.pixels[1] = n == 2 ? 0 : 2 * stride;
        job.pixels[2] = job.pixels[1] + stride;
        tml_swar_dot(&job);
    }
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
TML_ONCE static tml_status_t check_rest(stream_t *stream, uint32_t lanes_bytes) {
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
TML_ONCE static tml_status_t check_channel(stream_t *stream, uint32_t words, uint32_t *flags) {
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

TML_ONCE static tml_status_t check_stream(tml_bounds_t *bounds, const tml_conv_t *c) {
    stream_t stream = {bounds, c->aux, c->aux + c->aux_bytes};
    TML_TRY(tml_check_constants(bounds, c->aux, c->aux_bytes));
    const uint32_t *first = take(&stream, 1);
    if (first == NULL) {
        return ends_early(&stream);
    }
    uint32_t channels = 0;
    for (uint32_t flags = *first; (flags & TML_SWAR_LAST) == 0; channels++) {
        TML_TRY(check_channel(&stream, tml_patch_words(c), &flags));
    }
    if (channels != c->out_c) {
        return tml_fail(bounds, TML_CONSTANTS, channels, c->out_c);
    }
    return tml_check_work(bounds, (uint64_t)c->aux_bytes * c->out_h * c->out_w);
}

TML_ONCE tml_status_t tml_check_swar_conv_2d(tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_conv_t *c = &record->conv;
    const tml_window_t window = TML_WINDOW_OF(c);
    const tml_span_t scratch = {c->scratch, c->scratch_bytes};
    tml_span_t spans[2];
    TML_TRY(tml_check_image(bounds, &record->head, &window, spans));
    const uint64_t patch = (uint64_t)c->filter_h * c->filter_w * c->in_c;
    TML_TRY(tml_check_count(bounds, patch, 0x8000 / 8));
    TML_TRY(tml_check_count(bounds, tml_patches_reach(c), TML_MAX_ELEMENTS));
    if ((uint32_t)c->out_h * c->out_w < PIXELS || c->scratch % 4 != 0) {
        return tml_fail(bounds, TML_SHAPE, (uint32_t)c->out_h * c->out_w, PIXELS);
    }
    TML_TRY(tml_check_scratch(bounds, &scratch, tml_patches_scratch(c), &spans[0], &spans[1]));
    return check_stream(bounds, c);
}
