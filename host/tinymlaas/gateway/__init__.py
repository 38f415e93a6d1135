"""Speaks the device protocol for boards without a network, over their serial ports."""
