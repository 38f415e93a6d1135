#define TML_TARGET_NAME "any"
#define TML_TARGET_ID TML_TARGET_ANY

#include "targets/table.h"
