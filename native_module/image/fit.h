// From a camera's frame to the input of an image model: crop, resize, convert, quantise, in one pass.
#ifndef TML_IMAGE_FIT_H
#define TML_IMAGE_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TML_GRAY8, TML_RGB565LE, TML_RGB565BE, TML_RGB888, TML_IMAGE_FORMATS };
enum { TML_NEAREST, TML_AREA, TML_BILINEAR, TML_IMAGE_METHODS };

// What Python gives as eleven 16-bit numbers, in this order. Pixels; channels: 1 (grey) or 3 (RGB).
typedef struct {
    uint16_t width, height, format; // of the frame
    uint16_t left, top, crop_width, crop_height;
    uint16_t out_width, out_height, channels, method;
} tml_fit_t;

// Whether all numbers are known ones, no size is 0 or above 4096, and the crop lies in the frame.
bool tml_fit_is_valid(const tml_fit_t *fit);

// Sizes of the buffers in bytes. The table holds the quantised value of each of 256 levels, for each channel.
size_t tml_fit_frame_bytes(const tml_fit_t *fit);
size_t tml_fit_out_bytes(const tml_fit_t *fit);
size_t tml_fit_table_bytes(const tml_fit_t *fit);

// out: rows of pixels of channels. fit must be valid, and the buffers at least as large as said above.
void tml_fit(const tml_fit_t *fit, int8_t *out, const uint8_t *frame, const int8_t *table);

#endif
