#include <string.h>

#include "check.h"
#include "scale.h"

static buffers_t buffers;

bool check_tml_swar_pack(void) {
    static int8_t low[64], high[64];
    fill_both(&buffers);
    fill(low, sizeof(low));
    fill(high, sizeof(high));
    const bool words = random_from(0, 1) != 0;
    const uint32_t n = words ? 4 * random_from(1, 12) : random_from(1, 48), at = words ? 0 : random_from(0, 3);
    tml_swar_model_pack((uint32_t *)(void *)(buffers.expected + SPARE_BYTES), low + at, high, n);
    CALL(tml_swar_pack, buffers.found + SPARE_BYTES, low + at, high, n);
    return same(&buffers);
}

#define CHANNELS (3)
#define WORDS (9) // of weights per channel
#define REST (4) // entries

// A channel's piece of a stream: start, weights, bytes of the rest, the rest, scale.
static uint32_t *draw_piece(uint32_t *stream, uint32_t words) {
    *stream++ = random_word();
    fill(stream, 4 * words);
    stream += words;
    const uint32_t rest = random_from(0, REST / 2) * 2;
    *stream++ = 4 * rest;
    for (uint32_t i = 0; i < rest; i++) {
        *stream++ = (random_word() & 0xffff0000) | 8 * random_from(0, 4 * words - 1);
    }
    const tml_swar_scale_t scale = draw_scale(true);
    memcpy(stream, &scale, sizeof(scale));
    return stream + sizeof(scale) / 4;
}

bool check_tml_swar_dot(void) {
    static uint32_t stream[CHANNELS * (8 + WORDS + REST)];
    static int8_t bytes[2][4 * WORDS];
    static uint32_t x[8 * WORDS];
    const uint32_t words = random_from(1, WORDS), channels = random_from(1, CHANNELS), stride = random_from(channels, 9);
    uint32_t *piece = stream;
    for (uint32_t i = 0; i < channels; i++) {
        piece = draw_piece(piece, words);
    }
    fill_both(&buffers);
    for (unsigned pair = 0; pair < 2; pair++) {
        fill(bytes, sizeof(bytes));
        tml_swar_model_pack(x + pair, bytes[0], bytes[1], 4 * words);
    }
    int8_t *expected = (int8_t *)buffers.expected + SPARE_BYTES + 1, *found = (int8_t *)buffers.found + SPARE_BYTES + 1;
    const tml_swar_dot_t model = {x, expected, stride, 4 * words, expected + channels, stream};
    const tml_swar_dot_t job = {x, found, stride, 4 * words, found + channels, stream};
    tml_swar_model_dot(&model);
    CALL(tml_swar_dot, &job, 0, 0, 0);
    return same(&buffers);
}
