"""Fetches pinned sources and builds firmware, natmods and the host library; `python -m tinymlaas.toolchain --help`."""
