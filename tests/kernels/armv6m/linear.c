#include "check.h"
#include "kernels/mk/linear.h"

static buffers_t buffers;

static void draw_job(tml_linear_add_t *job) {
    const uint32_t any = random_from(0, 1);
    job->least = 0 - random_from(0, 128);
    job->range = random_from(0, 127);
    job->offset = any ? random_word() : (uint32_t)TML_LINEAR_BIAS << TML_LINEAR_SHIFT;
    job->factor = random_word() >> (any ? 0 : 10);
    job->factor2 = random_word() >> (any ? 0 : 10);
    job->n = random_from(1, 200);
}

// The output is another place or the first input.
static void place(tml_linear_add_t *job, uint8_t *buffer, bool in_place) {
    job->input_end = (const int8_t *)buffer + 300;
    job->input2_end = (const int8_t *)buffer + 600;
    job->output_end = (int8_t *)buffer + (in_place ? 300 : 900);
}

bool check_tml_linear_add_bytes(void) {
    tml_linear_add_t job;
    const bool in_place = random_from(0, 1) != 0;
    draw_job(&job);
    fill_both(&buffers);
    place(&job, buffers.expected, in_place);
    tml_linear_model_add(&job);
    place(&job, buffers.found, in_place);
    CALL(tml_linear_add_bytes, &job, 0, 0, 0);
    return same(&buffers);
}
