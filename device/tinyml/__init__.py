"""Runs int8 networks: tinyml.Model loads an inference module (.tml) and runs it with its weights in place."""

from .model import Model

__all__ = ("Model",)
__version__ = "0.1.0"
