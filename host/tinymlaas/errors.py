"""Every error that tinymlaas raises on purpose.

A message says what happened, where, the numbers, and the next step. Only ``cli.main`` prints errors and chooses exit codes.
"""


class TinymlError(Exception):
    """Base of all errors a user can cause or meet; ``exit_code`` is what the command line ends with."""

    exit_code = 1


class ModelError(TinymlError):
    """The input model is damaged or inconsistent."""


class UnsupportedError(TinymlError):
    """The model is sound, but uses something that is not supported; names layer, operator and reason."""


class ModuleError(TinymlError):
    """An inference module (.tml) is damaged, of another version, or made for another target."""


class PlanError(TinymlError):
    """The compiler's own checks failed: a defect of tinymlaas, never of the user's model."""


class BoardError(TinymlError):
    """A board is unknown, absent, or cannot do what was asked."""


class DeviceError(TinymlError):
    """Code on a device raised; carries the device's traceback."""


class ToolchainError(TinymlError):
    """Sources, compilers or packages are missing or altered, or a build failed."""


class FitError(TinymlError):
    """A module does not fit a board: the number that is short, and a remedy."""

    exit_code = 3


class UsageError(TinymlError):
    """The command was called with arguments that do not go together."""

    exit_code = 2


class ServiceError(TinymlError):
    """A request that the service refuses: an HTTP status of 4xx or 503, the reason, and what to do about it."""

    def __init__(self, status: int, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason}; {remedy}" if remedy else reason)
        self.status = status
        self.reason = reason
        self.remedy = remedy
