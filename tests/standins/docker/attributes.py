"""Typed access to attributes, and the two conversions that several types need."""

from typing import Any

from tests.standins.values import Properties, Value


def text(attributes: Properties, name: str) -> str:
    """A string, "" when unset."""
    value = attributes.get(name)
    return value if isinstance(value, str) else ""


def flag(attributes: Properties, name: str) -> bool:
    """A boolean, false when unset."""
    return attributes.get(name) is True


def number(attributes: Properties, name: str) -> int:
    """An integer, 0 when unset."""
    value = attributes.get(name)
    return int(value) if isinstance(value, (int, float)) else 0


def strings(attributes: Properties, name: str) -> list[str]:
    """A list of strings, empty when unset."""
    value = attributes.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def objects(attributes: Properties, name: str) -> list[Properties]:
    """A list of objects, empty when unset; an object alone is a list of one."""
    value = attributes.get(name)
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def mapping(attributes: Properties, name: str) -> dict[str, str]:
    """A map of strings, empty when unset."""
    value = attributes.get(name)
    return {k: str(v) for k, v in value.items()} if isinstance(value, dict) else {}


def labels_to_map(attributes: Properties) -> dict[str, str]:
    """Labels as Docker takes them."""
    return {text(item, "label"): text(item, "value") for item in objects(attributes, "labels")}


def labels_from_map(labels: dict[str, str] | None) -> Value:
    """Labels as the state has them."""
    return [{"label": key, "value": value} for key, value in sorted((labels or {}).items())]


def without_empty(settings: dict[str, Any]) -> dict[str, Any]:
    """What was set: Docker fills in the rest."""
    return {name: value for name, value in settings.items() if value not in ("", 0, None, [], {})}
