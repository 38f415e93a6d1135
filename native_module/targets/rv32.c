#define TML_TARGET_NAME "rv32"
#define TML_TARGET_ID TML_TARGET_RV32
#define TML_TARGET_VARIANTS(X) \
    X(CONV_2D, conv_2d, TILE, tile)

#include "targets/table.h"
