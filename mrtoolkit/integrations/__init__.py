"""Bridges to other people's searches; each is imported when it is used, as what it bridges to is an extra."""

from importlib import import_module as _import_module
from types import ModuleType as _ModuleType


def __getattr__(name: str) -> _ModuleType:
    if name != "optuna":
        raise AttributeError(f"module 'mrtoolkit.integrations' has no attribute {name!r}; it has optuna")
    try:
        return _import_module("mrtoolkit.integrations.optuna")
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        msg = 'Optuna is not installed; install it with: pip install "mrtoolkit[optuna]"'
        raise ModuleNotFoundError(msg, name="optuna") from None


def __dir__() -> list[str]:
    return ["optuna"]
