// What can be wrong with a module, and the numbers that say where.
#ifndef TML_STATUS_H
#define TML_STATUS_H

#include <stddef.h>
#include <stdint.h>

#define TML_STATUSES(X) \
    X(OK, "ok") \
    X(TRUNCATED, "file is cut short") \
    X(MAGIC, "not a tinyml module") \
    X(VERSION, "format version") \
    X(RUNTIME, "needs a newer tinyml runtime: version") \
    X(TARGET, "made for another kernel target") \
    X(MISALIGNED, "module address is not a multiple of 16") \
    X(SECTION, "section outside the file") \
    X(TENSOR, "input or output tensor is inconsistent") \
    X(OPERATOR, "operator is not in this build") \
    X(VARIANT, "kernel variant is not in this build") \
    X(ARENA, "reaches outside the arena") \
    X(CONSTANTS, "reaches outside the constants") \
    X(SHAPE, "shapes do not fit together") \
    X(QUANTISATION, "multiplier, shift or zero point out of range") \
    X(OVERLAP, "operands overlap") \
    X(SELFTEST, "self-test vectors are inconsistent")

typedef enum {
    #define X(name, text) TML_##name,
    TML_STATUSES(X)
    #undef X
} tml_status_t;

typedef struct {
    int16_t record; // index of the record, -1: not in a record
    uint8_t op; // its operator code
    uint8_t reserved;
    uint32_t value; // what was found
    uint32_t limit; // what is allowed
} tml_fault_t;

// Writes a message with the numbers, NUL-terminated, at most size bytes; returns its length.
size_t tml_message(char *out, size_t size, tml_status_t status, const tml_fault_t *fault);

#endif // TML_STATUS_H
