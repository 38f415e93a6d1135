#define TML_TARGET_NAME "x64"
#define TML_TARGET_ID TML_TARGET_X64

#include "targets/table.h"
