// ADD by two products and their sum (kernels/mk/linear.h). Of the record's numbers `multiplier1` and `multiplier2` are the factors of
// the inputs and `out_multiplier` the offset; zero points and shifts are in them. Output may be either input: elements are read
// before written. Compiler: host/tinymlaas/variants/linear_add.py.
#include "kernels/check/bounds.h"
#include "kernels/m0plus/asm.h"
#include "kernels/mk/linear.h"

#if defined(__thumb__) && !defined(__thumb2__)
// r0, r1, r7: ends of the inputs and the output, r2: elements from there, r5, r6: factors, r8: offset, r9: -bias, r10: range, r11: least.
TML_FAST_CODE __attribute__((naked)) void tml_linear_add_bytes(const tml_linear_add_t *job) {
    (void)job;
    __asm__ volatile (
        ".syntax unified\n"
        PUSH_ALL
        "ldmia r0!, {r2-r6}\n mov r10, r2\n mov r11, r3\n mov r8, r4\n"
        "ldmia r0!, {r1, r2, r7}\n ldr r0, [r0]\n rsbs r2, r2, #0\n"
        "movs r3, #384 / 2\n lsls r3, #1\n rsbs r3, r3, #0\n mov r9, r3\n"
        "1: ldrsb r3, [r0, r2]\n muls r3, r5\n ldrsb r4, [r1, r2]\n muls r4, r6\n"
        "adds r3, r4\n add r3, r8\n lsrs r3, #22\n add r3, r9\n cmp r3, r10\n bhi 3f\n"
        "2: add r3, r11\n strb r3, [r7, r2]\n adds r2, #1\n bne 1b\n"
        POP_ALL
        // Below 0: 0. Above the range: the range.
        "3: mvns r3, r3\n asrs r3, #31\n mov r4, r10\n ands r3, r4\n b 2b\n"
        );
}
#endif

void tml_linear_add(const tml_context_t *context, const tml_record_t *record) {
    const tml_add_t *add = &record->add;
    const tml_linear_add_t job = {
        .range = (uint32_t)(add->act_max - add->act_min),
        .least = (uint32_t)add->act_min,
        .offset = (uint32_t)add->out_multiplier,
        .factor = (uint32_t)add->multiplier1,
        .factor2 = (uint32_t)add->multiplier2,
        .input2_end = (const int8_t *)(context->arena + add->input2 + add->count),
        .n = add->count,
        .output_end = (int8_t *)(context->arena + add->output + add->count),
        .input_end = (const int8_t *)(context->arena + add->input + add->count),
    };
    tml_linear_add_bytes(&job);
}

tml_status_t tml_check_linear_add(tml_bounds_t *bounds, const tml_record_t *record) {
    return tml_check_addition(bounds, &record->add);
}
