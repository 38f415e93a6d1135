// How patches become lanes; see kernels/m0plus/patches.h.
#include "kernels/m0plus/patches.h"

#include <string.h>

#define PIXELS (4)

static uint32_t row_bytes(const tml_conv_t *c) {
    return (uint32_t)c->in_c * c->filter_w;
}

static uint32_t lanes_bytes(const tml_conv_t *c) {
    return 32 * tml_patch_words(c);
}

// What all filters together see: the image with its padding.
static uint32_t reach_h(const tml_conv_t *c) {
    return (c->out_h - 1u) * c->stride_h + (c->filter_h - 1u) * c->dilation_h + 1;
}

static uint32_t reach_w(const tml_conv_t *c) {
    return (c->out_w - 1u) * c->stride_w + c->filter_w;
}

static bool is_dilated(const tml_conv_t *c) {
    return c->dilation_w != 1;
}

TML_ONCE static bool is_padded(const tml_conv_t *c) {
    return c->pad_top != 0 || c->pad_left != 0 || reach_h(c) > c->in_h || reach_w(c) > c->in_w;
}

// Filters see a single pixel each, and all of them in order.
static bool is_flat(const tml_conv_t *c) {
    return c->filter_h == 1 && c->filter_w == 1 && c->in_h == c->out_h && c->in_w == c->out_w && !is_padded(c);
}

TML_ONCE uint32_t tml_patches_scratch(const tml_conv_t *c) {
    return lanes_bytes(c) + (is_dilated(c) || is_padded(c) ? PIXELS * row_bytes(c) * c->filter_h : 0);
}

TML_ONCE uint64_t tml_patches_reach(const tml_conv_t *c) {
    return (uint64_t)reach_h(c) * reach_w(c) * c->in_c;
}

static uint32_t at_most(uint32_t value, uint32_t limit) {
    return value < limit ? value : limit;
}

// A copy of the image with its padding.
static void pad(tml_patches_t *patches) {
    const tml_conv_t *c = patches->conv;
    const uint32_t height = reach_h(c), width = reach_w(c);
    const uint32_t rows = at_most(c->in_h, height - c->pad_top), n = at_most(c->in_w, width - c->pad_left) * c->in_c;
    int8_t *to = patches->copies + (c->pad_top * width + c->pad_left) * c->in_c;
    memset(patches->copies, c->in_zero_point, height * width * c->in_c);
    for (uint32_t y = 0; y < rows; y++, to += width * c->in_c) {
        memcpy(to, patches->image + y * c->in_w * c->in_c, n);
    }
    patches->image = patches->copies;
    patches->width = width;
    patches->first_y = patches->first_x = 0;
    patches->last_y = (int32_t)((c->out_h - 1u) * c->stride_h);
    patches->last_x = (int32_t)((c->out_w - 1u) * c->stride_w);
}

TML_ONCE void tml_patches_begin(tml_patches_t *patches, const tml_context_t *context, const tml_conv_t *c) {
    int8_t *scratch = (int8_t *)(context->arena + c->scratch);
    *patches = (tml_patches_t) {
        .conv = c,
        .image = (const int8_t *)(context->arena + c->input),
        .width = c->in_w,
        .first_y = -(int32_t)c->pad_top,
        .first_x = -(int32_t)c->pad_left,
        .last_y = c->in_h - 1 - (c->filter_h - 1) * c->dilation_h,
        .last_x = is_dilated(c) ? -1 : c->in_w - c->filter_w,
        .step = c->stride_w,
        .out_w = c->out_w,
        .copies = scratch + lanes_bytes(c),
        .patch = {
            .row_bytes = row_bytes(c),
            .lanes = (uint32_t *)(void *)scratch,
            .lanes_end = (uint32_t *)(void *)scratch + 2 * row_bytes(c) * c->filter_h,
        },
    };
    if (is_flat(c)) {
        patches->width = patches->out_w = (uint32_t)c->in_h * c->in_w;
        patches->last_x = (int32_t)patches->width - 1;
    } else if (is_padded(c) && !is_dilated(c) && reach_h(c) * reach_w(c) * c->in_c <= c->scratch_bytes - lanes_bytes(c)) {
        pad(patches);
    }
    patches->stride = c->dilation_h * patches->width * c->in_c;
    tml_patches_seek(patches, 0);
}

TML_ONCE void tml_patches_seek(tml_patches_t *patches, uint32_t pixel) {
    const uint32_t out_y = pixel / patches->out_w;
    patches->out_x = pixel - out_y * patches->out_w;
    patches->y = patches->first_y + (int32_t)(out_y * patches->conv->stride_h);
    patches->x = patches->first_x + (int32_t)(patches->out_x * patches->step);
}

static void advance(tml_patches_t *patches, uint32_t pixels) {
    patches->out_x += pixels;
    patches->x += (int32_t)(pixels * patches->step);
    if (patches->out_x == patches->out_w) {
        patches->out_x = 0;
        patches->x = patches->first_x;
        patches->y += patches->conv->stride_h;
    }
}

// One row of a patch that starts at column x of an input row: what lies in the image.
static void gather_row(const tml_conv_t *c, const int8_t *row, int32_t x, int8_t *to) {
    if (!is_dilated(c)) {
        const int32_t begin = x < 0 ? -x : 0, end = x + c->filter_w > c->in_w ? c->in_w - x : c->filter_w; // end > begin: it meets the image
        memcpy(to + begin * c->in_c, row + (x + begin) * c->in_c, (uint32_t)((end - begin) * c->in_c));
        return;
    }
    for (uint32_t fx = 0; fx < c->filter_w; fx++, x += c->dilation_w, to += c->in_c) {
        if (x >= 0 && x < c->in_w) {
            memcpy(to, row + (uint32_t)x * c->in_c, c->in_c);
        }
    }
}

// Copy `number` of a patch: the next pixel's, with zero points where it lies outside the image.
TML_ONCE static const int8_t *gather(const tml_patches_t *patches, uint32_t number) {
    const tml_conv_t *c = patches->conv;
    int8_t *copy = patches->copies + number * row_bytes(c) * c->filter_h, *to = copy;
    int32_t y = patches->y;
    memset(to, c->in_zero_point, row_bytes(c) * c->filter_h);
    for (uint32_t fy = 0; fy < c->filter_h; fy++, y += c->dilation_h, to += row_bytes(c)) {
        if (y >= 0 && y < c->in_h) {
            gather_row(c, patches->image + (uint32_t)y * c->in_w * c->in_c, patches->x, to);
        }
    }
    return copy;
}

// How many of the next pixels to take from the image at once: all if they are in one row of the output, 0 if the next lies outside.
static uint32_t inside(const tml_patches_t *p, uint32_t pixels) {
    if (p->y < 0 || p->y > p->last_y || p->x < 0 || p->x > p->last_x) {
        return 0;
    }
    const int32_t last = p->x + (int32_t)((pixels - 1) * p->step);
    return p->out_x + pixels <= p->out_w && last <= p->last_x ? pixels : 1;
}

void tml_patches_pack(tml_patches_t *p, uint32_t pixels) {
    tml_swar_patch_t *patch = &p->patch;
    const uint32_t in_c = p->conv->in_c, step = p->step * in_c;
    for (uint32_t i = 0; i < pixels;) {
        uint32_t taken = inside(p, pixels - i), stride = p->stride;
        const int8_t *from = p->image + ((uint32_t)p->y * p->width + (uint32_t)p->x) * in_c;
        if (taken == 0) {
            taken = 1;
            stride = patch->row_bytes;
            from = gather(p, i);
        }
        advance(p, taken);
        for (; taken > 0; taken--, i++, from += step) {
            patch->pixels[i] = from;
            patch->strides[i] = stride;
        }
    }
    for (uint32_t i = pixels; i < PIXELS; i++) {
        patch->pixels[i] = patch->pixels[i - pixels];
        patch->strides[i] = patch->strides[i - pixels];
    }
    tml_swar_pack_patch(patch);
}
