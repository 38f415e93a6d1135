#include <string.h>

#include "check.h"
#include "scale.h"

static buffers_t buffers;

#define ROW_BYTES (7)
#define ROWS (3)

bool check_tml_swar_pack_patch(void) {
    static int8_t image[4][(ROWS - 1) * 16 + ROW_BYTES];
    const uint32_t n = random_from(1, ROW_BYTES), rows = random_from(1, ROWS);
    fill_both(&buffers);
    fill(image, sizeof(image));
    tml_swar_patch_t job = {.row_bytes = n};
    for (unsigned i = 0; i < 4; i++) {
        job.pixels[i] = image[i];
        job.strides[i] = random_from(0, 16);
    }
    job.lanes = (uint32_t *)(void *)(buffers.expected + SPARE_BYTES);
    job.lanes_end = job.lanes + 2 * n * rows;
    tml_swar_model_pack_patch(&job);
    job.lanes = (uint32_t *)(void *)(buffers.found + SPARE_BYTES);
    job.lanes_end = job.lanes + 2 * n * rows;
    CALL(tml_swar_pack_patch, &job, 0, 0, 0);
    return same(&buffers);
}

#define CHANNELS (3)
#define WORDS (9) // of weights per channel
#define REST (4) // entries
#define PIECE_WORDS (1 + WORDS + 1 + REST + 6)

// A channel's piece of a stream: start, weights unless sparse, bytes of the rest, the rest, scale. `flags` become those of the next.
static uint32_t *draw_piece(uint32_t *stream, uint32_t words, bool last, uint32_t *flags) {
    *stream++ = random_word();
    if ((*flags & TML_SWAR_SPARSE) == 0) {
        fill(stream, 4 * words);
        stream += words;
    }
    const uint32_t rest = random_from(0, REST / 2) * 2;
    *stream++ = 4 * rest;
    for (uint32_t i = 0; i < rest; i++) {
        *stream++ = (random_word() & 0xffff0000) | (0x10000 - 8 * random_from(1, 4 * words));
    }
    const tml_swar_scale_t scale = draw_scale(true);
    *flags = (random_word() & TML_SWAR_SPARSE) | (scale.negative != 0 ? TML_SWAR_TIES : 0) | (last ? TML_SWAR_LAST : 0);
    memcpy(stream, &scale, sizeof(scale));
    stream[4] |= *flags;
    return stream + (scale.negative != 0 ? 6 : 5);
}

bool check_tml_swar_dot(void) {
    static uint32_t stream[1 + CHANNELS * PIECE_WORDS];
    static int8_t pixels[4][4 * WORDS];
    static uint32_t x[8 * WORDS];
    const uint32_t words = random_from(1, WORDS), channels = random_from(1, CHANNELS), stride = random_from(channels, 9);
    const bool four = random_from(0, 3) != 0; // pixels, or two of them twice
    uint32_t flags = random_word() & TML_SWAR_SPARSE, *piece = stream;
    *piece++ = flags;
    for (uint32_t i = 0; i < channels; i++) {
        piece = draw_piece(piece, words, i + 1 == channels, &flags);
    }
    fill_both(&buffers);
    for (unsigned i = 0; i < 4; i++) {
        fill(pixels[i], sizeof(pixels[i]));
    }
    const tml_swar_patch_t patch = {
        .pixels = {pixels[0], pixels[1], pixels[four ? 2 : 0], pixels[four ? 3 : 1]}, .row_bytes = 4 * words, .lanes = x, .lanes_end = x + 8 * words,
    };
    tml_swar_model_pack_patch(&patch);
    int8_t *expected = (int8_t *)buffers.expected + SPARE_BYTES + 1, *found = (int8_t *)buffers.found + SPARE_BYTES + 1;
    tml_swar_dot_t model = {x, expected, {stride, four ? 2 * stride : 0, four ? 3 * stride : stride}, words, stream}, job = model;
    job.out = found;
    tml_swar_model_dot(&model);
    CALL(tml_swar_dot, &job, 0, 0, 0);
    return same(&buffers);
}
