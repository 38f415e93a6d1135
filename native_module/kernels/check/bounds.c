#include "kernels/check/bounds.h"

tml_status_t tml_fail(const tml_bounds_t *bounds, tml_status_t status, uint32_t value, uint32_t limit) {
    bounds->fault->value = value;
    bounds->fault->limit = limit;
    return status;
}

// [offset, offset + bytes) inside [begin, end), with begin <= end.
static bool inside(uint32_t begin, uint32_t end, uint32_t offset, uint64_t bytes) {
    return offset >= begin && offset <= end && bytes <= end - offset;
}

tml_status_t tml_check_arena(const tml_bounds_t *bounds, uint32_t offset, uint64_t bytes, tml_span_t *span) {
    if (!inside(0, bounds->arena_bytes, offset, bytes)) {
        return tml_fail(bounds, TML_ARENA, offset + (uint32_t)bytes, bounds->arena_bytes);
    }
    span->offset = offset;
    span->bytes = (uint32_t)bytes;
    return TML_OK;
}

tml_status_t tml_check_items(const tml_bounds_t *bounds, uint32_t offset, uint64_t count, uint32_t item, tml_span_t *span) {
    if (offset % item != 0) {
        return tml_fail(bounds, TML_ARENA, offset, bounds->arena_bytes);
    }
    return tml_check_arena(bounds, offset, count * item, span);
}

tml_status_t tml_check_constants(const tml_bounds_t *bounds, uint32_t offset, uint64_t bytes) {
    if (offset % 4 != 0 || !inside(bounds->constants_begin, bounds->constants_end, offset, bytes)) {
        return tml_fail(bounds, TML_CONSTANTS, offset + (uint32_t)bytes, bounds->constants_end);
    }
    return TML_OK;
}

tml_status_t tml_check_multiplier(const tml_bounds_t *bounds, int32_t multiplier, int32_t shift, int32_t low, int32_t high, uint32_t index) {
    bool normal = multiplier == 0 || multiplier >= (1 << 30);
    if (!normal || shift < low || shift > high) {
        return tml_fail(bounds, TML_QUANTISATION, index, 0);
    }
    return TML_OK;
}

tml_status_t tml_check_scales(const tml_bounds_t *bounds, uint32_t offset, uint32_t count, uint32_t stride, int32_t high) {
    TML_TRY(tml_check_constants(bounds, offset, (uint64_t)count * stride));
    const uint8_t *end = bounds->module + offset + stride - sizeof(tml_scale_t);
    for (uint32_t i = 0; i < count; i++, end += stride) {
        const tml_scale_t *scale = (const tml_scale_t *)(const void *)end;
        TML_TRY(tml_check_multiplier(bounds, scale->multiplier, scale->shift, -31, high, i));
    }
    return TML_OK;
}

tml_status_t tml_check_channels(const tml_bounds_t *bounds, uint32_t offset, uint32_t count) {
    return tml_check_scales(bounds, offset, count, sizeof(tml_channel_t), 30);
}

tml_status_t tml_check_disjoint(const tml_bounds_t *bounds, const tml_span_t *a, const tml_span_t *b) {
    if (a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes) {
        return tml_fail(bounds, TML_OVERLAP, a->offset, b->offset);
    }
    return TML_OK;
}

tml_status_t tml_check_elementwise(const tml_bounds_t *bounds, const tml_span_t *a, const tml_span_t *b) {
    return a->offset == b->offset ? TML_OK : tml_check_disjoint(bounds, a, b);
}

tml_status_t tml_check_elements(const tml_bounds_t *bounds, const tml_head_t *head, uint64_t count, uint32_t item) {
    tml_span_t input, output;
    TML_TRY(tml_check_items(bounds, head->input, count, item, &input));
    TML_TRY(tml_check_items(bounds, head->output, count, item, &output));
    return tml_check_elementwise(bounds, &input, &output);
}

tml_status_t tml_check_scratch(const tml_bounds_t *bounds, const tml_span_t *scratch, uint32_t needed, const tml_span_t *input, const tml_span_t *output) {
    tml_span_t span;
    TML_TRY(tml_check_arena(bounds, scratch->offset, scratch->bytes, &span));
    if (span.bytes > bounds->scratch_bytes) {
        return tml_fail(bounds, TML_ARENA, span.bytes, bounds->scratch_bytes);
    }
    if (span.bytes < needed) {
        return tml_fail(bounds, TML_SHAPE, span.bytes, needed);
    }
    TML_TRY(tml_check_disjoint(bounds, &span, input));
    return tml_check_disjoint(bounds, &span, output);
}

tml_status_t tml_check_work(tml_bounds_t *bounds, uint64_t steps) {
    if (steps > TML_MAX_WORK || bounds->work > TML_MAX_WORK - steps) {
        return tml_fail(bounds, TML_WORK, (uint32_t)(TML_MAX_WORK / 1000000), 0);
    }
    bounds->work += steps;
    return TML_OK;
}

tml_status_t tml_check_count(const tml_bounds_t *bounds, uint64_t value, uint32_t limit) {
    return value == 0 || value > limit ? tml_fail(bounds, TML_SHAPE, (uint32_t)value, limit) : TML_OK;
}

tml_status_t tml_check_activation(const tml_bounds_t *bounds, int32_t act_min, int32_t act_max) {
    return act_min > act_max ? tml_fail(bounds, TML_QUANTISATION, 0, 0) : TML_OK;
}

tml_status_t tml_check_no_aux(const tml_bounds_t *bounds, uint32_t aux, uint32_t aux_bytes) {
    return (aux | aux_bytes) != 0 ? tml_fail(bounds, TML_CONSTANTS, aux + aux_bytes, 0) : TML_OK;
}
