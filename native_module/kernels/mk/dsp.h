// The instructions of the Armv7E-M and Armv8-M DSP extension that the kernels use, each with a C model, so that the same loop
// nests run on the laptop. A "pair" is a word of two int16: the even element in the low half.
#ifndef TML_MK_DSP_H
#define TML_MK_DSP_H

#include <stdint.h>
#include <string.h>

// A word from any address.
static inline uint32_t tml_load_word(const void *from) {
    uint32_t word;
    memcpy(&word, from, sizeof(word));
    return word;
}

#if defined(__ARM_FEATURE_DSP)

#define TML_DSP_2(name, instruction) \
    static inline uint32_t tml_##name(uint32_t a, uint32_t b) { \
        uint32_t result; \
        __asm(instruction: "=r" (result) : "r" (a), "r" (b)); \
        return result; \
    }

// Bytes 0 and 2 of a word as a pair.
static inline uint32_t tml_sxtb16(uint32_t word) {
    uint32_t pair;
    __asm("sxtb16 %0, %1" : "=r" (pair) : "r" (word));
    return pair;
}

// Bytes 1 and 3 of a word as a pair.
static inline uint32_t tml_sxtb16_odd(uint32_t word) {
    uint32_t pair;
    __asm("sxtb16 %0, %1, ror #8" : "=r" (pair) : "r" (word));
    return pair;
}

// The low halves of a and b as a pair.
TML_DSP_2(pack_low, "pkhbt %0, %1, %2, lsl #16")

// The high halves of a and b as a pair.
static inline uint32_t tml_pack_high(uint32_t a, uint32_t b) {
    uint32_t pair;
    __asm("pkhtb %0, %1, %2, asr #16" : "=r" (pair) : "r" (b), "r" (a));
    return pair;
}

// High word of the product a * b, rounded half up.
TML_DSP_2(high_word, "smmulr %0, %1, %2")

// addend + the high word of a * b, rounded half up, mod 2^32.
static inline int32_t tml_add_high_word(int32_t a, int32_t b, int32_t addend) {
    int32_t result;
    __asm("smmlar %0, %1, %2, %3" : "=r" (result) : "r" (a), "r" (b), "r" (addend));
    return result;
}

// Each half of sum plus bytes 0 and 2 of a word.
TML_DSP_2(add_sxtb16, "sxtab16 %0, %1, %2")

// Each half of sum plus bytes 1 and 3 of a word.
TML_DSP_2(add_sxtb16_odd, "sxtab16 %0, %1, %2, ror #8")

// The larger of each pair of signed bytes.
static inline uint32_t tml_max_8(uint32_t a, uint32_t b) {
    uint32_t result; // ssub8 sets the flags that sel reads
    __asm("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r" (result) : "r" (a), "r" (b) : "cc");
    return result;
}

static inline int32_t tml_saturate_8(int32_t x) {
    int32_t result;
    __asm("ssat %0, #8, %1" : "=r" (result) : "r" (x) : "cc");
    return result;
}

#undef TML_DSP_2

#else

static inline uint32_t tml_pack_low(uint32_t a, uint32_t b) {
    return (a & 0xffff) | b << 16;
}

static inline uint32_t tml_pack_high(uint32_t a, uint32_t b) {
    return a >> 16 | (b & 0xffff0000u);
}

static inline uint32_t tml_sxtb16(uint32_t word) {
    return tml_pack_low((uint32_t)(int8_t)word, (uint32_t)(int8_t)(word >> 16));
}

static inline uint32_t tml_sxtb16_odd(uint32_t word) {
    return tml_sxtb16(word >> 8);
}

static inline uint32_t tml_high_word(uint32_t a, uint32_t b) {
    return (uint32_t)(((int64_t)(int32_t)a * (int32_t)b + INT64_C(0x80000000)) >> 32);
}

static inline int32_t tml_add_high_word(int32_t a, int32_t b, int32_t addend) {
    return (int32_t)(tml_high_word((uint32_t)a, (uint32_t)b) + (uint32_t)addend);
}

static inline uint32_t tml_add_sxtb16(uint32_t sum, uint32_t word) {
    uint32_t pair = tml_sxtb16(word);
    return tml_pack_low(sum + pair, (sum >> 16) + (pair >> 16));
}

static inline uint32_t tml_add_sxtb16_odd(uint32_t sum, uint32_t word) {
    return tml_add_sxtb16(sum, word >> 8);
}

static inline uint32_t tml_max_8(uint32_t a, uint32_t b) {
    uint32_t result = 0;
    for (unsigned bit = 0; bit < 32; bit += 8) {
        uint32_t byte = (int8_t)(a >> bit) >= (int8_t)(b >> bit) ? a : b;
        result |= byte & 0xffu << bit;
    }
    return result;
}

static inline int32_t tml_saturate_8(int32_t x) {
    return x < -128 ? -128 : x > 127 ? 127 : x;
}

// sum + the two products of halves, mod 2^32.
static inline uint32_t tml_smlad(uint32_t a, uint32_t b, uint32_t sum) {
    return sum + (uint32_t)((int16_t)a * (int16_t)b) + (uint32_t)((int16_t)(a >> 16) * (int16_t)(b >> 16));
}

// sum + low half of a * high half of b.
static inline uint32_t tml_smlabt(uint32_t a, uint32_t b, uint32_t sum) {
    return sum + (uint32_t)((int16_t)a * (int16_t)(b >> 16));
}

#endif // __ARM_FEATURE_DSP

#endif // TML_MK_DSP_H
