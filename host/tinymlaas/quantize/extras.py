"""The heavy packages that only quantising needs: imported when used, and named when missing."""

from __future__ import annotations

import importlib
import os
from typing import Any

from ..errors import TinymlError

# They log to stderr from C++ and pick another order of summation on another processor, unless told before the import.
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TQDM_DISABLE": "1",
    "GLOG_minloglevel": "3",
}


def load(extra: str, module: str) -> Any:
    """The module of an optional extra. Raises TinymlError that says what to install."""
    for key, value in _ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = error.name or module
        raise TinymlError(
            f"this kind of model is read with {module.partition('.')[0]}, and {missing} is not installed; "
            f"run: pip install 'tinymlaas[{extra}]'"
        ) from error
