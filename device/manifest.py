# Freezes the device package into firmware: include("…/device/manifest.py").
package("tinyml", base_path=".")
