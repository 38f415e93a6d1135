// Usage: main SEED ROUNDS. Prints each primitive that equals its model in all rounds; ends in 1 at the first that does not.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

void _start(void);
extern uint8_t stack_top[];
volatile uint32_t registers_lost;

static void fault(void) {
    puts("fault: an access that the core refuses, or an instruction that it does not have");
    exit(2);
}

__attribute__((section(".vectors"), used)) static const void *const vectors[] = {stack_top, _start, fault, fault};

static uint32_t state;

uint32_t random_word(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

uint32_t random_from(uint32_t low, uint32_t high) {
    return low + (random_word() >> 8) % (high - low + 1);
}

void fill(void *memory, size_t size) {
    const uint32_t kind = random_from(0, 3), constant = random_word();
    for (uint8_t *byte = memory; size > 0; size--) {
        const uint32_t any = random_word() >> 8;
        const uint8_t bytes[] = {(uint8_t)any, (any & 1) != 0 ? 0x7f : 0x80, (uint8_t)(any % 16 - 8), (uint8_t)constant};
        *byte++ = bytes[kind];
    }
}

void fill_both(buffers_t *buffers) {
    fill(buffers->expected, BUFFER_BYTES);
    memcpy(buffers->found, buffers->expected, BUFFER_BYTES);
}

bool same(const buffers_t *buffers) {
    return memcmp(buffers->expected, buffers->found, BUFFER_BYTES) == 0;
}

// Puts known values into r4-r11 and looks whether they are still there.
__attribute__((naked)) uint32_t call(uint32_t a, uint32_t b, uint32_t c, uint32_t d, function_t function) {
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    (void)function;
    __asm__ volatile (
        ".syntax unified\n"
        "push {r4-r7, lr}\n mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n push {r4-r7}\n"
        "ldr r4, [sp, #36]\n mov r12, r4\n"
        "movs r4, #8\n mov r8, r4\n movs r5, #9\n mov r9, r5\n movs r6, #10\n mov r10, r6\n movs r7, #11\n mov r11, r7\n"
        "blx r12\n"
        "movs r1, #8\n eors r4, r1\n mov r2, r8\n eors r2, r1\n orrs r4, r2\n"
        "movs r1, #9\n eors r5, r1\n mov r2, r9\n eors r2, r1\n orrs r4, r2\n orrs r4, r5\n"
        "movs r1, #10\n eors r6, r1\n mov r2, r10\n eors r2, r1\n orrs r4, r2\n orrs r4, r6\n"
        "movs r1, #11\n eors r7, r1\n mov r2, r11\n eors r2, r1\n orrs r4, r2\n orrs r4, r7\n"
        "ldr r1, =registers_lost\n ldr r2, [r1]\n orrs r2, r4\n str r2, [r1]\n"
        "pop {r4-r7}\n mov r8, r4\n mov r9, r5\n mov r10, r6\n mov r11, r7\n pop {r4-r7, pc}\n"
        ".ltorg\n"
        );
}

static void run(const char *name, bool (*check)(void), unsigned rounds) {
    for (unsigned i = 0; i < rounds; i++) {
        if (!check() || registers_lost != 0) {
            printf("%s differs from its model in round %u%s\n", name, i, registers_lost != 0 ? ": registers changed" : "");
            exit(1);
        }
    }
    puts(name);
}

int main(int argc, char **argv) {
    state = argc == 3 ? (uint32_t)atoi(argv[1]) * 2654435761u | 1 : 1;
    const unsigned rounds = argc == 3 ? (unsigned)atoi(argv[2]) : 1;
    #define RUN(name) run(#name, check_##name, rounds);
    PRIMITIVES(RUN)
    return 0;
}
