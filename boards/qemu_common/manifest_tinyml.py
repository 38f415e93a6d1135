# Frozen into the product's firmware.
include("manifest.py")
include("../../device/manifest.py")
