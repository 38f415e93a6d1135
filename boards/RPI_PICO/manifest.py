include("manifest_stock.py")
include("../../device/manifest.py")
