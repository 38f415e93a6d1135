# The module _tinyml_audio, for natmods and make-based firmware (micropython.cmake has its twin).
# Input: TINYML_DIR. Output: TINYML_AUDIO_SOURCES (relative), TINYML_AUDIO_CFLAGS.

TINYML_AUDIO_SOURCES := $(addprefix audio/,mod_audio.c fft.c filterbank.c frontend.c gain.c quantise.c tables.c)
TINYML_AUDIO_CFLAGS := -I$(TINYML_DIR)/audio
