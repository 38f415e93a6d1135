#include "kernels/dsp/add.h"
#include "kernels/dsp/pool.h"

#define TML_TARGET_NAME "m4"
#define TML_TARGET_ID TML_TARGET_M4
#define TML_KERNEL_add tml_dsp_add
#define TML_KERNEL_average_pool_2d tml_dsp_average_pool_2d
#define TML_KERNEL_max_pool_2d tml_dsp_max_pool_2d
#define TML_TARGET_VARIANTS(X) \
    X(CONV_2D, conv_2d, DSP, dsp) \
    X(DEPTHWISE_CONV_2D, depthwise_conv_2d, DSP, dsp) \
    X(FULLY_CONNECTED, fully_connected, DSP, dsp)

#include "targets/table.h"
