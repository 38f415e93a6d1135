// Messages without printf: in a natmod both code and text occupy RAM.
#include "tml_status.h"
#include "tml_format.h"

// One run of NUL-separated texts each: a table of pointers would cost a relocation per entry.
static const char status_texts[] =
    #define X(name, text) text "\0"
    TML_STATUSES(X)
    #undef X
;

static const char operator_names[] =
    "operator\0"
    #define X(NAME, name) #NAME "\0"
    TML_OPERATORS(X)
    #undef X
;

typedef struct {
    char *out;
    size_t size;
    size_t length;
} tml_writer_t;

static const char *nth_text(const char *texts, unsigned n) {
    for (; n > 0; n--) {
        while (*texts++ != '\0') {
        }
    }
    return texts;
}

static void put_char(tml_writer_t *w, char c) {
    if (w->length + 1 < w->size) {
        w->out[w->length++] = c;
    }
}

static void put_number(tml_writer_t *w, uint32_t value) {
    char digits[10];
    unsigned n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (n > 0) {
        put_char(w, digits[--n]);
    }
}

// Text in which each # is replaced by the next number.
static void put_text(tml_writer_t *w, const char *text, const uint32_t *numbers) {
    for (; *text != '\0'; text++) {
        if (*text == '#') {
            put_number(w, *numbers++);
        } else {
            put_char(w, *text);
        }
    }
}

static void put_record(tml_writer_t *w, const tml_fault_t *fault) {
    const uint32_t numbers[1] = {(uint32_t)fault->record};
    put_text(w, "record # ", numbers);
    put_text(w, nth_text(operator_names, fault->op < TML_N_OPS ? fault->op : 0), numbers);
    put_char(w, ' ');
}

size_t tml_message(char *out, size_t size, tml_status_t status, const tml_fault_t *fault) {
    tml_writer_t w = {out, size, 0};
    const uint32_t numbers[2] = {fault->value, fault->limit};
    if (fault->record >= 0) {
        put_record(&w, fault);
    }
    put_text(&w, nth_text(status_texts, status), numbers);
    out[w.length] = '\0';
    return w.length;
}
