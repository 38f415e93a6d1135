# For ports built with make: USER_C_MODULES is the folder that holds native_module/.
#   TINYML_TARGET   kernel target: any m0plus m3 m4 rv32 x64 (default any)
#   TINYML_OMIT     names of operators to leave out, for example "SOFTMAX PAD" (default none)
#   MONOCYPHER_DIR  folder of monocypher.c: adds _tinyml_ed25519, which checks signatures (default none)
#   TINYML_AUDIO    1: adds _tinyml_audio, the front-end of speech models (default none)
#   TINYML_IMAGE    1: adds _tinyml_image, which puts camera frames into models (default none)

TINYML_DIR := $(USERMOD_DIR)
TINYML_TARGET ?= any
include $(TINYML_DIR)/sources.mk

# Only mod_tinyml.c has qstrs; the rest is plain C that never sees MicroPython's headers.
SRC_USERMOD_C += $(TINYML_DIR)/mod_tinyml.c
SRC_USERMOD_LIB_C += $(addprefix $(TINYML_DIR)/,$(TINYML_SOURCES))
CFLAGS_USERMOD += -I$(TINYML_DIR) $(TINYML_DEFINES)

# Kernels are worth their bytes, whatever the port optimises for; their checks run once.
$(BUILD)/$(notdir $(TINYML_DIR))/kernels/%.o: CFLAGS += -O2
$(BUILD)/$(notdir $(TINYML_DIR))/kernels/check/%.o: CFLAGS += -Os

ifneq ($(MONOCYPHER_DIR),)
include $(TINYML_DIR)/ed25519/ed25519.mk
SRC_USERMOD_C += $(TINYML_DIR)/ed25519/mod_ed25519.c
SRC_USERMOD_LIB_C += $(addprefix $(TINYML_DIR)/,$(filter-out ed25519/mod_ed25519.c,$(TINYML_ED25519_SOURCES)))
CFLAGS_USERMOD += $(TINYML_ED25519_CFLAGS)
$(BUILD)/$(notdir $(TINYML_DIR))/ed25519/ed25519.o: CFLAGS += $(TINYML_ED25519_WHOLE)
endif

ifeq ($(TINYML_AUDIO),1)
include $(TINYML_DIR)/audio/audio.mk
SRC_USERMOD_C += $(TINYML_DIR)/audio/mod_audio.c
SRC_USERMOD_LIB_C += $(addprefix $(TINYML_DIR)/,$(filter-out audio/mod_audio.c,$(TINYML_AUDIO_SOURCES)))
CFLAGS_USERMOD += $(TINYML_AUDIO_CFLAGS)
$(BUILD)/$(notdir $(TINYML_DIR))/audio/%.o: CFLAGS += -O2
endif

ifeq ($(TINYML_IMAGE),1)
include $(TINYML_DIR)/image/image.mk
SRC_USERMOD_C += $(TINYML_DIR)/image/mod_image.c
SRC_USERMOD_LIB_C += $(addprefix $(TINYML_DIR)/,$(filter-out image/mod_image.c,$(TINYML_IMAGE_SOURCES)))
CFLAGS_USERMOD += $(TINYML_IMAGE_CFLAGS)
$(BUILD)/$(notdir $(TINYML_DIR))/image/%.o: CFLAGS += -O2
endif
