"""What a look into the cluster has to say: one line per finding, with its key and a remedy."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.Enum):
    """``INFO`` says what was found, ``WARNING`` what is probably not meant, ``DRIFT`` what is not
    as it was deployed (an error that does not stop: the update repairs it), ``ERROR`` stops.
    """

    INFO = "info"
    WARNING = "warning"
    DRIFT = "drift"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """``key`` is a key of the stack file, or the object in the cluster that is spoken of."""

    level: Level
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.key}: {self.text}"


def info(key: str, text: str) -> Finding:
    return Finding(Level.INFO, key, text)


def warning(key: str, text: str) -> Finding:
    return Finding(Level.WARNING, key, text)


def drift(key: str, text: str) -> Finding:
    return Finding(Level.DRIFT, key, text)


def error(key: str, text: str) -> Finding:
    return Finding(Level.ERROR, key, text)
