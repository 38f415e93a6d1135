// The table of a build, `tml_target`. A target file sets TML_TARGET_NAME and TML_TARGET_ID and includes this. Before that it may
// override plain kernels: #define TML_KERNEL_conv_2d tml_m4_conv_2d
// and list kernels for other constant layouts: #define TML_TARGET_VARIANTS(X) X(CONV_2D, conv_2d, SWAR, swar)
// which stands for the kernel tml_swar_conv_2d with the check tml_check_swar_conv_2d.
#ifndef TML_TARGETS_TABLE_H
#define TML_TARGETS_TABLE_H

#include "tml_kernels.h"

// What ships unless a target overrides it: kernels/fast where there is one, else the plain kernel.
#ifndef TML_KERNEL_conv_2d
#define TML_KERNEL_conv_2d tml_fast_conv_2d
#endif
#ifndef TML_KERNEL_depthwise_conv_2d
#define TML_KERNEL_depthwise_conv_2d tml_fast_depthwise_conv_2d
#endif
#ifndef TML_KERNEL_fully_connected
#define TML_KERNEL_fully_connected tml_fast_fully_connected
#endif
#ifndef TML_KERNEL_average_pool_2d
#define TML_KERNEL_average_pool_2d tml_ref_average_pool_2d
#endif
#ifndef TML_KERNEL_max_pool_2d
#define TML_KERNEL_max_pool_2d tml_ref_max_pool_2d
#endif
#ifndef TML_KERNEL_add
#define TML_KERNEL_add tml_ref_add
#endif
#ifndef TML_KERNEL_softmax
#define TML_KERNEL_softmax tml_ref_softmax
#endif
#ifndef TML_KERNEL_pad
#define TML_KERNEL_pad tml_ref_pad
#endif
#ifndef TML_KERNEL_copy
#define TML_KERNEL_copy tml_ref_copy
#endif
#ifndef TML_KERNEL_lookup
#define TML_KERNEL_lookup tml_ref_lookup
#endif
#ifndef TML_KERNEL_binary
#define TML_KERNEL_binary tml_ref_binary
#endif
#ifndef TML_KERNEL_reduce
#define TML_KERNEL_reduce tml_ref_reduce
#endif
#ifndef TML_KERNEL_move
#define TML_KERNEL_move tml_ref_move
#endif
#ifndef TML_KERNEL_quantize
#define TML_KERNEL_quantize tml_ref_quantize
#endif
#ifndef TML_KERNEL_svdf
#define TML_KERNEL_svdf tml_ref_svdf
#endif
#ifndef TML_KERNEL_lstm
#define TML_KERNEL_lstm tml_ref_lstm
#endif
#ifndef TML_KERNEL_resize_bilinear
#define TML_KERNEL_resize_bilinear tml_ref_resize_bilinear
#endif
#ifndef TML_KERNEL_batch_matmul
#define TML_KERNEL_batch_matmul tml_ref_batch_matmul
#endif
#ifndef TML_KERNEL_gather
#define TML_KERNEL_gather tml_ref_gather
#endif
#ifndef TML_KERNEL_pool_int16
#define TML_KERNEL_pool_int16 tml_ref_pool_int16
#endif
#ifndef TML_KERNEL_sigmoid_int16
#define TML_KERNEL_sigmoid_int16 tml_ref_sigmoid_int16
#endif
#ifndef TML_KERNEL_softmax_int16
#define TML_KERNEL_softmax_int16 tml_ref_softmax_int16
#endif
#ifndef TML_KERNEL_conv_int16
#define TML_KERNEL_conv_int16 tml_ref_conv_int16
#endif
#ifndef TML_KERNEL_binary_int16
#define TML_KERNEL_binary_int16 tml_ref_binary_int16
#endif
#ifndef TML_KERNEL_reduce_int16
#define TML_KERNEL_reduce_int16 tml_ref_reduce_int16
#endif

// Small builds leave operators out: with -DTML_NO_SOFTMAX the entries of SOFTMAX are NULL and nothing refers to its code.
// TML_ENTRY(TML_NO_X, f) is f, or NULL where TML_NO_X is defined as 1: then pasting makes a second argument appear.
#define TML_LEFT_OUT_1 NULL, NULL
#define TML_SECOND(first, second, ...) second
#define TML_PICK(probe, f) TML_SECOND(probe, f, NULL)
#define TML_PASTE(a, b) a##b
#define TML_PROBE(flag) TML_PASTE(TML_LEFT_OUT_, flag)
#define TML_ENTRY(flag, f) TML_PICK(TML_PROBE(flag), f)

#define TML_KERNEL_ENTRY(NAME, name) [TML_OP_##NAME] = TML_ENTRY(TML_NO_##NAME, TML_KERNEL_##name),
#define TML_CHECK_ENTRY(NAME, name) [TML_OP_##NAME] = TML_ENTRY(TML_NO_##NAME, tml_check_##name),

#ifdef TML_TARGET_VARIANTS
#define TML_DECLARE_VARIANT(NAME, name, LAYOUT, layout) \
    void tml_##layout##_##name(const tml_context_t * context, const tml_record_t * record); \
    tml_status_t tml_check_##layout##_##name(tml_bounds_t * bounds, const tml_record_t * record);
TML_TARGET_VARIANTS(TML_DECLARE_VARIANT)

#define TML_VARIANT_ENTRY(NAME, name, LAYOUT, layout) \
    { \
        .op = TML_OP_##NAME, \
        .variant = TML_VARIANT_##LAYOUT, \
        .kernel = TML_ENTRY(TML_NO_##NAME, tml_##layout##_##name), \
        .check = TML_ENTRY(TML_NO_##NAME, tml_check_##layout##_##name), \
    },
static const tml_variant_t tml_variants[] = {
    TML_TARGET_VARIANTS(TML_VARIANT_ENTRY)
};
#endif

const tml_target_t tml_target = {
    .name = TML_TARGET_NAME,
    .id = TML_TARGET_ID,
    #ifdef TML_TARGET_VARIANTS
    .n_variants = sizeof(tml_variants) / sizeof(tml_variants[0]),
    .variants = tml_variants,
    #endif
    .kernel = { TML_OPERATORS(TML_KERNEL_ENTRY) },
    .check = { TML_OPERATORS(TML_CHECK_ENTRY) },
};

#endif // TML_TARGETS_TABLE_H
