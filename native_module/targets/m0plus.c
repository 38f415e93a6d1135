#define TML_TARGET_NAME "m0plus"
#define TML_TARGET_ID TML_TARGET_M0PLUS

#include "targets/table.h"
