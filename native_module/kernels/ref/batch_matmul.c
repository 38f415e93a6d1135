// BATCH_MATMUL: products of matrices, either of which may lie transposed, be a constant, or serve several others.
// Source: TFLite's reference batch_matmul.h.
#include "tml_fixed.h"
#include "tml_kernels.h"

typedef struct {
    const int8_t *data;
    uint32_t batch[3]; // from a matrix to the next along each dimension of batches
    uint32_t line, step; // from a row (of the second: a column) to the next, and along it
} matrices_t;

static matrices_t matrices(const tml_context_t *context, const tml_batch_matmul_t *p, bool second) {
    const uint32_t offset = second ? p->input2 : p->input, broadcast = second ? p->broadcast2 : p->broadcast1;
    const uint32_t lines = second ? p->columns : p->rows;
    const bool upright = ((p->transposed >> second & 1) != 0) != second; // lines lie apart by 1
    matrices_t m;
    m.data = (const int8_t *)(((p->constants >> second & 1) != 0 ? context->module : context->arena) + offset);
    m.line = upright ? 1 : p->depth;
    m.step = upright ? lines : 1;
    uint32_t size = lines * p->depth;
    for (int d = 2; d >= 0; d--) {
        const bool alone = (broadcast >> d & 1) != 0;
        m.batch[d] = alone ? 0 : size;
        size *= alone ? 1 : p->batch[d];
    }
    return m;
}

static int8_t product(const tml_batch_matmul_t *p, const int8_t *a, const int8_t *b, uint32_t a_step, uint32_t b_step) {
    int32_t sum = 0;
    for (uint32_t k = p->depth; k > 0; k--, a += a_step, b += b_step) {
        sum += (*a - p->in_zero_point) * (*b - p->in2_zero_point);
    }
    return (int8_t)tml_clamp(tml_add_wrap(tml_multiply(sum, p->multiplier, p->shift), p->out_zero_point), INT8_MIN, INT8_MAX);
}

static int8_t *multiply(const tml_batch_matmul_t *p, const matrices_t *a, const matrices_t *b, const uint32_t at[3], int8_t *output) {
    const int8_t *row = a->data, *first = b->data;
    for (unsigned d = 0; d < 3; d++) {
        row += at[d] * a->batch[d];
        first += at[d] * b->batch[d];
    }
    for (uint32_t i = 0; i < p->rows; i++, row += a->line) {
        const int8_t *column = first;
        for (uint32_t j = 0; j < p->columns; j++, column += b->line) {
            *output++ = product(p, row, column, a->step, b->step);
        }
    }
    return output;
}

void tml_ref_batch_matmul(const tml_context_t *context, const tml_record_t *record) {
    const tml_batch_matmul_t *p = &record->batch_matmul;
    const matrices_t a = matrices(context, p, false), b = matrices(context, p, true);
    int8_t *output = (int8_t *)(context->arena + p->output);
    uint32_t at[3];
    for (at[0] = 0; at[0] < p->batch[0]; at[0]++) {
        for (at[1] = 0; at[1] < p->batch[1]; at[1]++) {
            for (at[2] = 0; at[2] < p->batch[2]; at[2]++) {
                output = multiply(p, &a, &b, at, output);
            }
        }
    }
}
