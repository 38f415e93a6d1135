// libFuzzer's entry: any bytes are a module. -DREPLAY: runs the files given instead, for compilers without libFuzzer.
#define _POSIX_C_SOURCE 200809L
#include "../module/attempt.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    try_bytes(bytes, size);
    return 0;
}

#ifdef REPLAY
static uint8_t content[1 << 20];

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL) {
            return 2;
        }
        size_t size = fread(content, 1, sizeof(content), file);
        fclose(file);
        LLVMFuzzerTestOneInput(content, size);
    }
    printf("%lu %lu %lu\n", n_refused, n_ran, n_skipped);
    return 0;
}
#endif
