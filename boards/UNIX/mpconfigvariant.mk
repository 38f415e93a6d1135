# Databases, foreign functions and threads have no part in inference; without them the build needs no library. TLS is for updates over https.
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_SSL = 1
MICROPY_PY_THREAD = 0
MICROPY_SSL_MBEDTLS = 1

FROZEN_MANIFEST ?= $(VARIANT_DIR)/manifest$(if $(filter 1,$(TINYML_STOCK)),_stock).py
