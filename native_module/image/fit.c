#include "fit.h"

#include "walk.h"

#define MAX_PIXELS (4096) // each way: every sum below fits in 32 bits

typedef struct {
    uint32_t level[3]; // 0 to 255; grey formats have the first alone
} pixel_t;

static inline unsigned bytes_per_pixel(const tml_fit_t *fit) {
    return fit->format == TML_GRAY8 ? 1 : fit->format == TML_RGB888 ? 3 : 2;
}

static bool is_size(unsigned n) {
    return n >= 1 && n <= MAX_PIXELS;
}

bool tml_fit_is_valid(const tml_fit_t *fit) {
    return fit->format < TML_IMAGE_FORMATS && fit->method < TML_IMAGE_METHODS
           && (fit->channels == 1 || fit->channels == 3)
           && is_size(fit->width) && is_size(fit->height) && is_size(fit->out_width) && is_size(fit->out_height)
           && is_size(fit->crop_width) && is_size(fit->crop_height)
           && fit->left + fit->crop_width <= fit->width && fit->top + fit->crop_height <= fit->height;
}

size_t tml_fit_frame_bytes(const tml_fit_t *fit) {
    return (size_t)fit->width * fit->height * bytes_per_pixel(fit);
}

size_t tml_fit_out_bytes(const tml_fit_t *fit) {
    return (size_t)fit->out_width * fit->out_height * fit->channels;
}

size_t tml_fit_table_bytes(const tml_fit_t *fit) {
    return (size_t)256 * fit->channels;
}

static inline pixel_t from_565(unsigned high, unsigned low) {
    const unsigned red = high >> 3, green = (high & 7) << 3 | low >> 5, blue = low & 31;
    return (pixel_t) {{red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2}};
}

// Frames may lie on any address: cameras and files know no alignment.
static inline pixel_t fetch(unsigned format, const uint8_t *from) {
    switch (format) {
        case TML_GRAY8:
            return (pixel_t) {{from[0], 0, 0}};
        case TML_RGB565LE:
            return from_565(from[1], from[0]);
        case TML_RGB565BE:
            return from_565(from[0], from[1]);
        default:
            return (pixel_t) {{from[0], from[1], from[2]}};
    }
}

// ITU-R BT.601 in 16 bits, rounded to nearest.
static inline uint32_t luma(const pixel_t *pixel) {
    return (pixel->level[0] * 19595 + pixel->level[1] * 38470 + pixel->level[2] * 7471 + 0x8000) >> 16;
}

static inline int8_t *emit(const tml_fit_t *fit, int8_t *out, const int8_t *table, const pixel_t *pixel) {
    if (fit->channels == 1) {
        *out++ = table[fit->format == TML_GRAY8 ? pixel->level[0] : luma(pixel)];
        return out;
    }
    for (unsigned c = 0; c < 3; c++, table += 256) {
        *out++ = table[pixel->level[fit->format == TML_GRAY8 ? 0 : c]];
    }
    return out;
}

// The crop, and what belongs to its pixels.
typedef struct {
    const uint8_t *origin;
    size_t row_bytes;
    unsigned pixel_bytes, format, levels;
} source_t;

static inline pixel_t at(const source_t *source, int32_t x, int32_t y) {
    return fetch(source->format, source->origin + (size_t)y * source->row_bytes + (size_t)x * source->pixel_bytes);
}

// The pixel under the centre of the output's pixel.
static int8_t *nearest_row(const tml_fit_t *fit, const source_t *source, int8_t *out, const int8_t *table, int32_t y) {
    tml_walk_t x = tml_walk(fit->crop_width, 2 * fit->crop_width, 2 * fit->out_width);
    for (unsigned i = fit->out_width; i > 0; i--, tml_walk_on(&x)) {
        const pixel_t pixel = at(source, x.at, y);
        out = emit(fit, out, table, &pixel);
    }
    return out;
}

static void nearest(const tml_fit_t *fit, const source_t *source, int8_t *out, const int8_t *table) {
    tml_walk_t y = tml_walk(fit->crop_height, 2 * fit->crop_height, 2 * fit->out_height);
    for (unsigned i = fit->out_height; i > 0; i--, tml_walk_on(&y)) {
        out = nearest_row(fit, source, out, table, y.at);
    }
}

// From `first` up to, not including, `end`.
typedef struct {
    int32_t first, end;
} range_t;

// The pixels whose left edge lies in the output's pixel, at least one; walks on.
static range_t next_range(tml_walk_t *walk) {
    range_t range = {walk->at, 0};
    tml_walk_on(walk);
    range.end = walk->at > range.first ? walk->at : range.first + 1;
    return range;
}

static pixel_t average(const source_t *source, range_t x, range_t y) {
    pixel_t sum = {{0, 0, 0}};
    for (int32_t j = y.first; j < y.end; j++) {
        for (int32_t i = x.first; i < x.end; i++) {
            const pixel_t pixel = at(source, i, j);
            for (unsigned c = 0; c < source->levels; c++) {
                sum.level[c] += pixel.level[c];
            }
        }
    }
    const uint32_t n = (uint32_t)(x.end - x.first) * (uint32_t)(y.end - y.first);
    for (unsigned c = 0; c < source->levels && n > 1; c++) {
        sum.level[c] = (sum.level[c] + n / 2) / n;
    }
    return sum;
}

static void area(const tml_fit_t *fit, const source_t *source, int8_t *out, const int8_t *table) {
    tml_walk_t y = tml_walk(0, fit->crop_height, fit->out_height);
    for (unsigned j = fit->out_height; j > 0; j--) {
        const range_t rows = next_range(&y);
        tml_walk_t x = tml_walk(0, fit->crop_width, fit->out_width);
        for (unsigned i = fit->out_width; i > 0; i--) {
            const pixel_t pixel = average(source, next_range(&x), rows);
            out = emit(fit, out, table, &pixel);
        }
    }
}

// Two neighbours and how far, in 1/256, the wanted point lies from the first; beyond the edge the edge goes on.
typedef struct {
    int32_t first, second;
    uint32_t share;
} between_t;

static between_t between(const tml_walk_t *walk, unsigned n) {
    const int32_t place = walk->at > 0 ? walk->at : 0;
    const int32_t first = place >> 8, last = (int32_t)n - 1;
    if (first >= last) {
        return (between_t) {last, last, 0};
    }
    return (between_t) {first, first + 1, (uint32_t)place & 255};
}

// Centres of pixels on centres of pixels, in 1/256 of a source pixel.
static tml_walk_t centres(unsigned from, unsigned to) {
    return tml_walk(((int32_t)from - (int32_t)to) * 128, from * 256, to);
}

static pixel_t mixture(const source_t *source, between_t x, between_t y) {
    const pixel_t a = at(source, x.first, y.first), b = at(source, x.second, y.first);
    const pixel_t c = at(source, x.first, y.second), d = at(source, x.second, y.second);
    pixel_t mixed = {{0, 0, 0}};
    for (unsigned i = 0; i < source->levels; i++) {
        const uint32_t upper = a.level[i] * (256 - x.share) + b.level[i] * x.share;
        const uint32_t lower = c.level[i] * (256 - x.share) + d.level[i] * x.share;
        mixed.level[i] = (upper * (256 - y.share) + lower * y.share + 0x8000) >> 16;
    }
    return mixed;
}

static void bilinear(const tml_fit_t *fit, const source_t *source, int8_t *out, const int8_t *table) {
    tml_walk_t y = centres(fit->crop_height, fit->out_height);
    for (unsigned j = fit->out_height; j > 0; j--, tml_walk_on(&y)) {
        const between_t rows = between(&y, fit->crop_height);
        tml_walk_t x = centres(fit->crop_width, fit->out_width);
        for (unsigned i = fit->out_width; i > 0; i--, tml_walk_on(&x)) {
            const pixel_t pixel = mixture(source, between(&x, fit->crop_width), rows);
            out = emit(fit, out, table, &pixel);
        }
    }
}

void tml_fit(const tml_fit_t *fit, int8_t *out, const uint8_t *frame, const int8_t *table) {
    const unsigned pixel_bytes = bytes_per_pixel(fit);
    const size_t row_bytes = (size_t)fit->width * pixel_bytes;
    const source_t source = {
        .origin = frame + fit->top * row_bytes + fit->left * pixel_bytes,
        .row_bytes = row_bytes,
        .pixel_bytes = pixel_bytes,
        .format = fit->format,
        .levels = fit->format == TML_GRAY8 ? 1 : 3,
    };
    if (fit->method == TML_NEAREST) {
        nearest(fit, &source, out, table);
    } else if (fit->method == TML_AREA) {
        area(fit, &source, out, table);
    } else {
        bilinear(fit, &source, out, table);
    }
}
