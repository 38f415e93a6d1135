// RESIZE_BILINEAR: each pixel from the four round its place, which is counted in 1/1024 of a pixel of the input.
// Source: TFLite's reference resize_bilinear.h (ResizeBilinearInteger); its sums of 64 bits fit 32.
#include "tml_kernels.h"

#define ONE (1 << 10)

// Between two rows or columns of the input: offsets of both, and how far from the first, in 1/1024.
typedef struct {
    uint32_t first, second;
    int32_t fraction;
} place_t;

static place_t place_of(uint32_t i, uint32_t scale, int32_t offset, uint32_t size, uint32_t step) {
    const int32_t at = (int32_t)(i * scale) + offset;
    const uint32_t first = at > 0 ? (uint32_t)at / ONE : 0;
    const uint32_t second = first + 1 < size ? first + 1 : first;
    return (place_t) {.first = first * step, .second = second * step, .fraction = at > 0 ? at % ONE : 0};
}

static int32_t mix(int32_t a, int32_t b, int32_t fraction) {
    return a * ONE + (b - a) * fraction;
}

static void pixel(const int8_t *image, const place_t *y, const place_t *x, uint32_t channels, int8_t *output) {
    const int8_t *above = image + y->first, *below = image + y->second;
    for (uint32_t c = 0; c < channels; c++) {
        const int32_t left = mix(above[x->first + c], below[x->first + c], y->fraction);
        const int32_t right = mix(above[x->second + c], below[x->second + c], y->fraction);
        const int32_t sum = mix(left, right, x->fraction);
        *output++ = (int8_t)((sum + (sum > 0 ? ONE * ONE / 2 : -ONE * ONE / 2)) / (ONE * ONE));
    }
}

void tml_ref_resize_bilinear(const tml_context_t *context, const tml_record_t *record) {
    const tml_resize_bilinear_t *p = &record->resize_bilinear;
    const int8_t *image = (const int8_t *)(context->arena + p->input);
    int8_t *output = (int8_t *)(context->arena + p->output);
    const uint32_t row = (uint32_t)p->in_w * p->channels;
    for (uint32_t n = 0; n < p->images; n++, image += p->in_h * row) {
        for (uint32_t i = 0; i < p->out_h; i++) {
            const place_t y = place_of(i, p->scale_h, p->offset_h, p->in_h, row);
            for (uint32_t j = 0; j < p->out_w; j++, output += p->channels) {
                const place_t x = place_of(j, p->scale_w, p->offset_w, p->in_w, p->channels);
                pixel(image, &y, &x, p->channels, output);
            }
        }
    }
}
