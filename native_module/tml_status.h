// What can be wrong with a module, and the numbers that say where.
#ifndef TML_STATUS_H
#define TML_STATUS_H

#include <stddef.h>
#include <stdint.h>

// X(NAME, text): in the text the first # stands for the value found, the second for the limit.
#define TML_STATUSES(X) \
    X(OK, "ok") \
    X(TRUNCATED, "file is cut short: # of # bytes") \
    X(NOT_A_MODULE, "not a tinyml module") \
    X(VERSION, "module format #, this runtime reads #") \
    X(RUNTIME, "needs tinyml runtime #, this is #") \
    X(TARGET, "made for kernel target #, this is #") \
    X(MISALIGNED, "module address must be a multiple of 16, is off by #") \
    X(SECTION, "section reaches outside the file: # > #") \
    X(TENSOR, "input or output tensor # is inconsistent") \
    X(OPERATOR, "(code #) is not in this build") \
    X(VARIANT, "kernel variant # is not in this build") \
    X(ARENA, "reaches outside the arena: # > #") \
    X(CONSTANTS, "reaches outside the constants: # > #") \
    X(SHAPE, "shapes do not fit together: #, expected #") \
    X(QUANTISATION, "multiplier, shift or zero point out of range: channel #") \
    X(OVERLAP, "operands overlap: # and #") \
    X(SELFTEST, "self-test vectors are inconsistent: # bytes, expected #") \
    X(WORK, "needs too many operations: over # million")

#define X(name, text) TML_##name,
typedef enum {
    TML_STATUSES(X)
    TML_N_STATUSES
} tml_status_t;
#undef X

typedef struct {
    int32_t record; // index of the record, -1: not in a record
    uint8_t op; // its operator code
    uint8_t reserved[3];
    uint32_t value; // what was found
    uint32_t limit; // what is allowed
} tml_fault_t;

// Writes a message with the numbers, NUL-terminated, at most size bytes (size > 0); returns its length.
size_t tml_message(char *out, size_t size, tml_status_t status, const tml_fault_t *fault);

#endif // TML_STATUS_H
