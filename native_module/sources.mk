# Which files make up the runtime; the one list for natmods and make-based firmware (micropython.cmake has its twin).
# Input: TINYML_DIR, TINYML_TARGET, TINYML_OMIT. Output: TINYML_SOURCES (relative, without mod_tinyml.c), TINYML_DEFINES.

tinyml_files = $(sort $(patsubst $(TINYML_DIR)/%,%,$(wildcard $(TINYML_DIR)/$(1))))
tinyml_lower = $(shell echo '$(1)' | tr '[:upper:]' '[:lower:]')

# `any` is the portable build; its target file is named after the language.
TINYML_TARGET_FILE := targets/$(patsubst any,c,$(TINYML_TARGET)).c
ifeq ($(wildcard $(TINYML_DIR)/targets),$(TINYML_DIR)/targets)
ifeq ($(call tinyml_files,$(TINYML_TARGET_FILE)),)
$(error TINYML_TARGET=$(TINYML_TARGET): $(TINYML_DIR)/$(TINYML_TARGET_FILE) does not exist)
endif
endif

# A reference kernel ships only where the operator has no faster one: mpy_ld.py links all that it is given.
TINYML_FAST := $(call tinyml_files,kernels/fast/*.c)
TINYML_REF := $(filter-out $(patsubst kernels/fast/%,kernels/ref/%,$(TINYML_FAST)),$(call tinyml_files,kernels/ref/*.c))
# Kernels of an instruction set, for the targets that have it.
TINYML_SET_m4 := dsp
TINYML_SET_m0plus := m0plus
TINYML_SET_rv32 := rv32
TINYML_SET := $(TINYML_SET_$(TINYML_TARGET))
TINYML_SET_SOURCES := $(if $(TINYML_SET),$(call tinyml_files,kernels/$(TINYML_SET)/*.c))
TINYML_OMITTED := $(foreach name,$(call tinyml_lower,$(TINYML_OMIT)),\
	$(addsuffix /$(name).c,kernels/check kernels/fast kernels/ref kernels/$(TINYML_SET)))

TINYML_SOURCES := $(call tinyml_files,tml_*.c) $(call tinyml_files,$(TINYML_TARGET_FILE)) \
	$(filter-out $(TINYML_OMITTED),$(call tinyml_files,kernels/check/*.c) $(TINYML_FAST) $(TINYML_REF) $(TINYML_SET_SOURCES))
TINYML_DEFINES := $(addprefix -DTML_NO_,$(TINYML_OMIT))
