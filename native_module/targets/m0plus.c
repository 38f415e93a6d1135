#define TML_TARGET_NAME "m0plus"
#define TML_TARGET_ID TML_TARGET_M0PLUS

#define TML_TARGET_VARIANTS(X) \
    X(CONV_2D, conv_2d, SWAR, swar) \
    X(DEPTHWISE_CONV_2D, depthwise_conv_2d, SWAR, swar) \
    X(FULLY_CONNECTED, fully_connected, SWAR, swar) \
    X(ADD, add, LINEAR, linear)

#include "targets/table.h"
