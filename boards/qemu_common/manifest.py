# Frozen into every QEMU board.
include("$(MPY_DIR)/extmod/asyncio")
module("_boot.py", base_path="modules")
