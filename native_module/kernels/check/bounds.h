// What the checks of the operators share. Every helper returns TML_OK, or a status with its numbers in bounds->fault.
#ifndef TML_BOUNDS_H
#define TML_BOUNDS_H

#include "tml_kernels.h"

// Ends the caller with the status of a check that failed.
#define TML_TRY(check) \
    do { \
        tml_status_t status_ = (check); \
        if (status_ != TML_OK) { \
            return status_; \
        } \
    } while (0)

// No operand has more elements than this, so that offsets and their sums fit 32 bits.
#define TML_MAX_ELEMENTS (UINT64_C(1) << 28)

// A range of the arena.
typedef struct {
    uint32_t offset;
    uint32_t bytes;
} tml_span_t;

// Dimensions of an operator with a window, whatever its record.
typedef struct {
    uint32_t in_h, in_w, in_c, out_h, out_w, out_c, filter_h, filter_w;
    uint32_t pad_top, pad_left, stride_h, stride_w, dilation_h, dilation_w;
} tml_window_t;

#define TML_WINDOW_OF(r) \
    { \
        (r)->in_h, (r)->in_w, (r)->in_c, (r)->out_h, (r)->out_w, (r)->out_c, (r)->filter_h, (r)->filter_w, \
        (r)->pad_top, (r)->pad_left, (r)->stride_h, (r)->stride_w, (r)->dilation_h, (r)->dilation_w \
    }

tml_status_t tml_fail(const tml_bounds_t *bounds, tml_status_t status, uint32_t value, uint32_t limit);

// `bytes` at an arena offset lie inside the arena; fills span.
tml_status_t tml_check_arena(const tml_bounds_t *bounds, uint32_t offset, uint64_t bytes, tml_span_t *span);

// The same for `count` elements of `item` bytes (1, 2 or 4), at a multiple of their size.
tml_status_t tml_check_items(const tml_bounds_t *bounds, uint32_t offset, uint64_t count, uint32_t item, tml_span_t *span);

// `bytes` at a file offset, a multiple of 4, lie inside the constants.
tml_status_t tml_check_constants(const tml_bounds_t *bounds, uint32_t offset, uint64_t bytes);

// A `channel` stream lies inside the constants, and tml_multiply accepts every multiplier and shift of it.
tml_status_t tml_check_channels(const tml_bounds_t *bounds, uint32_t offset, uint32_t count);

// The same for a stream of anything that ends in a `scale`: `stride` bytes each, shifts up to `high`.
tml_status_t tml_check_scales(const tml_bounds_t *bounds, uint32_t offset, uint32_t count, uint32_t stride, int32_t high);

// Multiplier 0 or 2^30 to 2^31-1; shift low to high. The index goes into the message.
tml_status_t tml_check_multiplier(const tml_bounds_t *bounds, int32_t multiplier, int32_t shift, int32_t low, int32_t high, uint32_t index);

// The two share no byte.
tml_status_t tml_check_disjoint(const tml_bounds_t *bounds, const tml_span_t *a, const tml_span_t *b);

// The two share no byte or start together: for kernels that read each element before they write it.
tml_status_t tml_check_elementwise(const tml_bounds_t *bounds, const tml_span_t *a, const tml_span_t *b);

// Input and output of a record have `count` elements of `item` bytes each, of which each is read before it is written.
tml_status_t tml_check_elements(const tml_bounds_t *bounds, const tml_head_t *head, uint64_t count, uint32_t item);

// The scratch is inside the arena, no smaller than `needed`, no larger than what a second worker is told to keep free, and shares no byte with the input or the output.
tml_status_t tml_check_scratch(const tml_bounds_t *bounds, const tml_span_t *scratch, uint32_t needed, const tml_span_t *input, const tml_span_t *output);

// Adds the inner-loop steps of this record to the work of the module.
tml_status_t tml_check_work(tml_bounds_t *bounds, uint64_t steps);

// value is 1 to limit.
tml_status_t tml_check_count(const tml_bounds_t *bounds, uint64_t value, uint32_t limit);

// act_min <= act_max.
tml_status_t tml_check_activation(const tml_bounds_t *bounds, int32_t act_min, int32_t act_max);

// A variant-0 record has no auxiliary constants.
tml_status_t tml_check_no_aux(const tml_bounds_t *bounds, uint32_t aux, uint32_t aux_bytes);

// No dimension is zero, and every window starts before the input's end and ends behind its start: without dilation it has at
// least one tap inside. Row and column numbers of taps then stay below 2^26 in magnitude.
tml_status_t tml_check_window(const tml_bounds_t *bounds, const tml_window_t *window);

// Input and output of an operator with a window are inside the arena and disjoint.
tml_status_t tml_check_image(const tml_bounds_t *bounds, const tml_head_t *head, const tml_window_t *window, tml_span_t spans[2]);

// Input and output of a FULLY_CONNECTED are inside the arena and disjoint.
tml_status_t tml_check_matrix(const tml_bounds_t *bounds, const tml_fully_connected_t *fc, tml_span_t spans[2]);

// What CONV_2D and DEPTHWISE_CONV_2D share; the weights have `weights_bytes`, the scratch needs `scratch_needed`.
tml_status_t tml_check_conv(tml_bounds_t *bounds, const tml_conv_t *conv, uint64_t weights_bytes, uint32_t scratch_needed);

// Operands and range of an ADD, whatever its numbers mean.
tml_status_t tml_check_addition(tml_bounds_t *bounds, const tml_add_t *add);

#endif // TML_BOUNDS_H
