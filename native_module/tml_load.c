// The trust boundary: every number of a module is checked here or in kernels/check, once; nothing after this looks again.
#include "tml_load.h"

static tml_status_t fail(tml_fault_t *fault, tml_status_t status, uint32_t value, uint32_t limit) {
    fault->value = value;
    fault->limit = limit;
    return status;
}

// A section behind the header and before `end`, aligned. The sum cannot overflow: all three are bounded.
static tml_status_t check_section(uint32_t offset, uint64_t bytes, uint32_t align, uint32_t end, tml_fault_t *fault) {
    if (offset < sizeof(tml_header_t) || offset % align != 0) {
        return fail(fault, TML_SECTION, offset, sizeof(tml_header_t));
    }
    if (offset > end || bytes > end - offset) {
        return fail(fault, TML_SECTION, offset + (uint32_t)bytes, end);
    }
    return TML_OK;
}

// A signature ends the file: nothing that is used lies in it or behind it, where the payload's hash does not reach.
static tml_status_t check_signature(const tml_header_t *header, uint32_t *end, tml_fault_t *fault) {
    *end = header->file_bytes;
    if (header->signature_offset == 0) {
        return TML_OK;
    }
    *end -= header->file_bytes < sizeof(tml_signature_t) ? 0 : (uint32_t)sizeof(tml_signature_t);
    if (header->signature_offset != *end) {
        return fail(fault, TML_SECTION, header->signature_offset, *end);
    }
    return check_section(header->signature_offset, sizeof(tml_signature_t), 4, header->file_bytes, fault);
}

static tml_status_t check_identity(const uint8_t *module, size_t size, tml_fault_t *fault) {
    static const uint8_t magic[4] = TML_MAGIC;
    if (size < sizeof(tml_header_t)) {
        return fail(fault, TML_TRUNCATED, (uint32_t)size, sizeof(tml_header_t));
    }
    for (size_t i = 0; i < sizeof(magic); i++) {
        if (module[i] != magic[i]) {
            return fail(fault, TML_NOT_A_MODULE, 0, 0);
        }
    }
    if ((uintptr_t)module % TML_ALIGN != 0) {
        return fail(fault, TML_MISALIGNED, (uint32_t)((uintptr_t)module % TML_ALIGN), 0);
    }
    return TML_OK;
}

static tml_status_t check_versions(const tml_header_t *header, const tml_target_t *target, tml_fault_t *fault) {
    if (header->format_version != TML_FORMAT_VERSION) {
        return fail(fault, TML_VERSION, header->format_version, TML_FORMAT_VERSION);
    }
    if (header->min_runtime > TML_RUNTIME_VERSION) {
        return fail(fault, TML_RUNTIME, header->min_runtime, TML_RUNTIME_VERSION);
    }
    if (header->target != TML_TARGET_ANY && header->target != target->id) {
        return fail(fault, TML_TARGET, header->target, target->id);
    }
    return TML_OK;
}

static tml_status_t check_sizes(const tml_header_t *header, size_t size, tml_fault_t *fault) {
    if (header->file_bytes > size || header->file_bytes < sizeof(tml_header_t)) {
        return fail(fault, TML_TRUNCATED, (uint32_t)size, header->file_bytes);
    }
    if (header->file_bytes > TML_MAX_MODULE_BYTES) {
        return fail(fault, TML_SECTION, header->file_bytes, TML_MAX_MODULE_BYTES);
    }
    uint32_t max_arena = TML_MAX_MODULE_BYTES;
    if (header->arena_bytes > max_arena || header->arena_bytes % TML_ALIGN != 0) {
        return fail(fault, TML_ARENA, header->arena_bytes, max_arena);
    }
    if (header->scratch_bytes > header->arena_bytes) {
        return fail(fault, TML_ARENA, header->scratch_bytes, header->arena_bytes);
    }
    if (TML_STATE_BYTES(header) > header->arena_bytes) {
        return fail(fault, TML_ARENA, TML_STATE_BYTES(header), header->arena_bytes);
    }
    if (header->n_init > header->n_records) {
        return fail(fault, TML_SECTION, header->n_init, header->n_records);
    }
    return TML_OK;
}

static tml_status_t check_sections(const tml_header_t *header, tml_fault_t *fault) {
    const uint32_t n_tensors = (uint32_t)header->n_inputs + header->n_outputs;
    const struct {
        uint32_t offset, bytes, align;
    } sections[] = {
        {header->tensors_offset, sizeof(tml_tensor_t) * n_tensors, 4},
        {header->records_offset, sizeof(tml_record_t) * header->n_records, 4},
        {header->constants_offset, header->constants_bytes, TML_ALIGN},
        {header->selftests_offset, header->selftests_bytes, 4},
        {header->metadata_offset, header->metadata_bytes, 1},
    };
    uint32_t end;
    tml_status_t status = check_signature(header, &end, fault);
    for (unsigned i = 0; status == TML_OK && i < sizeof(sections) / sizeof(sections[0]); i++) {
        status = check_section(sections[i].offset, sections[i].bytes, sections[i].align, end, fault);
    }
    return status;
}

// Size of a tensor from its shape; 0: inconsistent.
static uint32_t tensor_bytes(const tml_tensor_t *tensor) {
    static const uint8_t dtype_bytes[] = {0, 1, 1, 2, 4, 4, 1};
    if (tensor->dtype >= sizeof(dtype_bytes) || tensor->rank > TML_MAX_RANK) {
        return 0;
    }
    uint64_t bytes = dtype_bytes[tensor->dtype];
    for (unsigned i = 0; i < tensor->rank; i++) {
        bytes *= tensor->shape[i];
        if (bytes > TML_MAX_MODULE_BYTES) {
            return 0;
        }
    }
    return (uint32_t)bytes;
}

static tml_status_t check_tensor(const tml_header_t *header, const tml_tensor_t *tensor, uint32_t index, tml_fault_t *fault) {
    uint32_t bytes = tensor_bytes(tensor);
    bool int8_range = tensor->dtype != TML_DTYPE_INT8 || (tensor->zero_point >= -128 && tensor->zero_point <= 127);
    if (bytes == 0 || bytes != tensor->bytes || tensor->offset % TML_ALIGN != 0 || !int8_range) {
        return fail(fault, TML_TENSOR, index, 0);
    }
    if (bytes > header->arena_bytes || tensor->offset > header->arena_bytes - bytes) {
        return fail(fault, TML_ARENA, tensor->offset + bytes, header->arena_bytes);
    }
    return TML_OK;
}

// All inputs and outputs; adds up what a self-test vector must hold: seed and outputs, rounded up to 4.
static tml_status_t check_tensors(const tml_plan_t *plan, tml_fault_t *fault) {
    const tml_header_t *header = plan->header;
    uint64_t vector_bytes = 4 + 3;
    for (uint32_t i = 0; i < (uint32_t)header->n_inputs + header->n_outputs; i++) {
        tml_status_t status = check_tensor(header, &plan->tensors[i], i, fault);
        if (status != TML_OK) {
            return status;
        }
        vector_bytes += i >= header->n_inputs ? plan->tensors[i].bytes : 0;
    }
    if (header->n_inputs == 0 || header->n_outputs == 0) {
        return fail(fault, TML_TENSOR, 0, 0);
    }
    vector_bytes = (vector_bytes & ~(uint64_t)3) * header->n_selftests;
    if (vector_bytes != header->selftests_bytes) {
        return fail(fault, TML_SELFTEST, header->selftests_bytes, (uint32_t)vector_bytes);
    }
    return TML_OK;
}

const tml_variant_t *tml_find_variant(const tml_target_t *target, const tml_head_t *head) {
    const tml_variant_t *variant = target->variants;
    for (unsigned n = target->n_variants; n > 0; n--, variant++) {
        if (variant->op == head->op && variant->variant == head->variant) {
            return variant;
        }
    }
    return NULL;
}

static tml_status_t check_record(const tml_target_t *target, tml_bounds_t *bounds, const tml_record_t *record) {
    const tml_head_t *head = &record->head;
    bounds->fault->op = head->op;
    if (head->op >= TML_N_OPS || target->kernel[head->op] == NULL) {
        return fail(bounds->fault, TML_OPERATOR, head->op, 0);
    }
    if (head->flags > (head->op == TML_OP_SOFTMAX ? TML_SOFTMAX_INT16 : 0)) {
        return fail(bounds->fault, TML_VARIANT, head->variant, 0);
    }
    if (head->variant == TML_VARIANT_PLAIN) {
        return target->check[head->op](bounds, record);
    }
    const tml_variant_t *variant = tml_find_variant(target, head);
    return variant != NULL ? variant->check(bounds, record) : fail(bounds->fault, TML_VARIANT, head->variant, 0);
}

static tml_status_t check_records(const tml_plan_t *plan, tml_fault_t *fault) {
    const tml_header_t *header = plan->header;
    tml_bounds_t bounds = {
        .module = plan->module,
        .arena_bytes = header->arena_bytes,
        .scratch_bytes = header->scratch_bytes,
        .constants_begin = header->constants_offset,
        .constants_end = header->constants_offset + header->constants_bytes,
        .work = 0,
        .fault = fault,
    };
    for (uint32_t i = 0; i < header->n_records; i++) {
        fault->record = (int32_t)i;
        tml_status_t status = check_record(plan->target, &bounds, &plan->records[i]);
        if (status != TML_OK) {
            return status;
        }
    }
    return TML_OK;
}

// The checks that only need the header.
static tml_status_t check_header(const uint8_t *module, size_t size, const tml_target_t *target, tml_fault_t *fault) {
    tml_status_t status = check_identity(module, size, fault);
    if (status != TML_OK) {
        return status;
    }
    const tml_header_t *header = (const tml_header_t *)(const void *)module;
    status = check_versions(header, target, fault);
    if (status != TML_OK) {
        return status;
    }
    status = check_sizes(header, size, fault);
    return status != TML_OK ? status : check_sections(header, fault);
}

tml_status_t tml_load(tml_plan_t *plan, const uint8_t *module, size_t size, const tml_target_t *target, tml_fault_t *fault) {
    *fault = (tml_fault_t) {.record = -1};
    tml_status_t status = check_header(module, size, target, fault);
    if (status != TML_OK) {
        return status;
    }
    plan->module = module;
    plan->target = target;
    plan->header = (const tml_header_t *)(const void *)module;
    plan->tensors = (const tml_tensor_t *)(const void *)(module + plan->header->tensors_offset);
    plan->records = (const tml_record_t *)(const void *)(module + plan->header->records_offset);
    status = check_tensors(plan, fault);
    if (status == TML_OK) {
        status = check_records(plan, fault);
    }
    plan->records += plan->header->n_init;
    return status;
}
