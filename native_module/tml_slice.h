// Slices: pieces of a record that make different parts of its output, for cooperative inference and for two workers. A slice is a
// record of its own for the same kernel, so kernels know nothing of it. Slices of one record may run in any order.
#ifndef TML_SLICE_H
#define TML_SLICE_H

#include "tml_format.h"

// Returns how many slices a verified record has, at least 1; part becomes the record that makes slice `slice`, if there is one.
uint32_t tml_slice(const tml_record_t *record, uint32_t slice, tml_record_t *part);

// Gives a record another place for its scratch, if it uses any.
void tml_move_scratch(tml_record_t *record, uint32_t scratch);

#endif // TML_SLICE_H
