# The module _tinyml_image, for natmods and make-based firmware (micropython.cmake has its twin).
# Input: TINYML_DIR. Output: TINYML_IMAGE_SOURCES (relative), TINYML_IMAGE_CFLAGS.

TINYML_IMAGE_SOURCES := $(addprefix image/,mod_image.c fit.c)
TINYML_IMAGE_CFLAGS := -I$(TINYML_DIR)/image
