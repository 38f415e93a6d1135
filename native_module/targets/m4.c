#define TML_TARGET_NAME "m4"
#define TML_TARGET_ID TML_TARGET_M4

#include "targets/table.h"
