#define TML_TARGET_NAME "rv32"
#define TML_TARGET_ID TML_TARGET_RV32

#include "targets/table.h"
