#define TML_TARGET_NAME "m3"
#define TML_TARGET_ID TML_TARGET_M3

#include "targets/table.h"
