"""A config with some settings replaced, by dotted name, each checked as if it had been given to a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, TypeVar

import jsonargparse

from jet.config import JetConfig

Config = TypeVar("Config", bound=JetConfig)


def with_settings(config: Config, settings: Mapping[str, Any]) -> Config:
    """`config` with some settings replaced, by dotted name. Raises `ValueError` where one can't be so."""
    changed: dict[str, dict[str, Any]] = {}
    for field, value in settings.items():
        part, _, name = field.partition(".")
        changed.setdefault(part, {})[name] = value
    return replace(config, **{part: _rebuilt(config, part, values) for part, values in changed.items()})


def _rebuilt(config: JetConfig, part: str, changed: dict[str, Any]) -> Any:
    before = getattr(config, part)
    parser = _parser(type(before), part)
    try:
        return parser.instantiate(parser.parse_object({part: {**asdict(before), **changed}}))[part]
    except (jsonargparse.ArgumentError, ValueError) as error:
        said = " ".join(str(error).split())
        raise ValueError(f"{', '.join(f'{part}.{name}' for name in changed)} can't be set so: {said}") from None


def _parser(kind: Any, part: str) -> jsonargparse.ArgumentParser:
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, part)
    return parser
