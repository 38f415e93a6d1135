# The module _tinyml_ed25519, for natmods and make-based firmware (micropython.cmake has its twin).
# Input: TINYML_DIR, MONOCYPHER_DIR. Output: TINYML_ED25519_SOURCES (relative), TINYML_ED25519_CFLAGS, and flags for
# ed25519.c alone.

TINYML_ED25519_SOURCES := $(addprefix ed25519/,mod_ed25519.c ed25519.c sha512.c)
TINYML_ED25519_CFLAGS := -I$(TINYML_DIR)/ed25519 -I$(MONOCYPHER_DIR)
TINYML_ED25519_WHOLE := -fwhole-program
