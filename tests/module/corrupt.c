// Loads damaged copies of a module, and runs those that load, under the sanitisers: any access outside the module, the arena or
// the message ends the process with a report. Usage: corrupt MODULE truncate | flip | random SEED SECONDS
// Prints: <refused> <ran> <skipped>
#define _POSIX_C_SOURCE 200809L
#include <time.h>

#include "attempt.h"

static void truncate_everywhere(const uint8_t *bytes, size_t size) {
    for (size_t n = 0; n < size; n++) {
        try_bytes(bytes, n);
    }
}

static void flip_everything(uint8_t *bytes, size_t size) {
    static const uint8_t values[] = {0x00, 0xff, 0x7f, 0x80};
    for (size_t i = 0; i < size; i++) {
        const uint8_t original = bytes[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[i] = original ^ (uint8_t)(1u << bit);
            try_bytes(bytes, size);
        }
        for (unsigned v = 0; v < sizeof(values); v++) {
            bytes[i] = values[v];
            try_bytes(bytes, size);
        }
        bytes[i] = original;
    }
}

static uint32_t next(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

// Overwrites an aligned field of 1, 2 or 4 bytes with a value that likes to be at an edge.
static void corrupt_field(uint8_t *bytes, size_t size, uint32_t *state) {
    static const uint32_t edges[] = {0, 1, 2, 3, 15, 16, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
    const size_t width = (size_t)1 << next(state) % 3;
    const size_t at = next(state) % (size - 3) / width * width;
    uint32_t value = 0;
    memcpy(&value, bytes + at, width);
    switch (next(state) % 4) {
        case 0:
            value = edges[next(state) % (sizeof(edges) / sizeof(edges[0]))];
            break;
        case 1:
            value += next(state) % 65 - 32;
            break;
        case 2:
            value = next(state) % 1024;
            break;
        default:
            value = next(state);
            break;
    }
    memcpy(bytes + at, &value, width);
}

static void corrupt_for(const uint8_t *bytes, size_t size, uint32_t seed, long seconds) {
    uint32_t state = seed | 1;
    uint8_t *copy = exact(size);
    // Header, tensors and records come first; damage there gets furthest.
    const size_t front = ((const tml_header_t *)(const void *)bytes)->selftests_offset;
    for (time_t end = time(NULL) + seconds; time(NULL) < end;) {
        memcpy(copy, bytes, size);
        for (uint32_t n = next(&state) % 4 + 1; n > 0; n--) {
            corrupt_field(copy, next(&state) % 4 != 0 ? front : size, &state);
        }
        try_bytes(copy, size);
    }
    free(copy);
}

static uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        abort();
    }
    *size = (size_t)ftell(file);
    uint8_t *bytes = exact(*size);
    rewind(file);
    if (fread(bytes, 1, *size, file) != *size) {
        abort();
    }
    fclose(file);
    return bytes;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        return 2;
    }
    size_t size;
    uint8_t *bytes = read_file(argv[1], &size);
    if (strcmp(argv[2], "truncate") == 0) {
        truncate_everywhere(bytes, size);
    } else if (strcmp(argv[2], "flip") == 0) {
        flip_everything(bytes, size);
    } else if (argc == 5) {
        corrupt_for(bytes, size, (uint32_t)strtoul(argv[3], NULL, 0), strtol(argv[4], NULL, 0));
    }
    free(bytes);
    printf("%lu %lu %lu\n", n_refused, n_ran, n_skipped);
    return 0;
}
