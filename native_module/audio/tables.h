// Constants of the front-end; host/tinymlaas/audiotables.py explains and generates them.
#ifndef TML_AUDIO_TABLES_H
#define TML_AUDIO_TABLES_H

#include <stdint.h>

#define TML_AUDIO_WINDOW (480) // samples, 30 ms
#define TML_AUDIO_UNEVEN (462) // sample whose weight is 1 less than that of its mirror image
#define TML_AUDIO_POINTS (512) // of the FFT
#define TML_AUDIO_CHANNELS (40)
#define TML_AUDIO_REGIONS (TML_AUDIO_CHANNELS + 1)
#define TML_AUDIO_FIRST_BIN (5)
#define TML_AUDIO_BINS (236)
#define TML_AUDIO_WEIGHT_BITS (12)

extern const int16_t tml_audio_window[TML_AUDIO_WINDOW / 2];
extern const int16_t tml_audio_cosine[TML_AUDIO_POINTS / 4 + 1];
extern const uint8_t tml_audio_region_bins[TML_AUDIO_REGIONS];
extern const uint16_t tml_audio_bin_weight[TML_AUDIO_BINS];
extern const int16_t tml_audio_pcan_gain[2 + 3 * 31];
extern const int16_t tml_audio_log_bend[129];

#endif
