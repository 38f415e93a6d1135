# Networking, databases and foreign functions have no part in inference; without them the build needs no library.
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_SSL = 0
MICROPY_PY_THREAD = 0
MICROPY_SSL_MBEDTLS = 0

FROZEN_MANIFEST ?= $(VARIANT_DIR)/manifest$(if $(filter 1,$(TINYML_STOCK)),_stock).py
