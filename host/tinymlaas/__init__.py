"""tinymlaas: turns a trained int8 network into an inference module for a MicroPython board."""

__version__ = "0.1.0"
