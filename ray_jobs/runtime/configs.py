"""Config files: YAML in which texts stay as they are written.

YAML 1.1 takes a plain `No` for false, `on` for true and `0420` for 272. Here the type of a setting decides: its
keys, and its values where it is a text, are texts; numbers, booleans and null are read where the type has them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import jsonargparse
import yaml

MOST_CONFIG_BYTES = 1 << 18
DEEPEST_CONFIG = 32

_TEXT, _NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"


def refuse_long(name: str, size: int) -> None:
    """Raise `ValueError` where a file of `size` bytes is too long for a config."""
    if size > MOST_CONFIG_BYTES:
        raise ValueError(
            f"{name}: {size:,} bytes are more than the {MOST_CONFIG_BYTES:,} of the longest config"
        )


def checked_config(name: str, content: bytes, parser: jsonargparse.ArgumentParser) -> str:
    """The text of a config (called `name` in errors) with quotes around what is text by the parser's types.

    Raises `ValueError` where it is no config, or would take all memory or time to find that out.
    """
    refuse_long(name, len(content))
    try:
        text = content.decode()
        refuse_deep(text)
        yaml.safe_load(text)  # refuses what compose lets pass, such as a list for a key
        root = yaml.compose(text, yaml.SafeLoader)
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{name}: not a config: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(root, yaml.MappingNode):
        raise ValueError(f"{name}: not a config: write settings, as in model: {{hidden: 64}}")
    try:
        _quote(root, "", {action.dest: type_of(action) for action in parser._actions})
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if "config" in (key.value for key, _ in root.value):
        raise ValueError(f"{name}: a config names no other one: give each as a --config of its own")
    return yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True, width=1 << 20)


def written_config(ingest: str, files: Sequence[str]) -> str:
    """A config with the part `ingest`, given as JSON, by which some files are read."""
    names = ", ".join(files[:3]) + (" and so on" if len(files) > 3 else "")
    head = f"# How jet reads {names}. Correct what is wrong, and give it by --config.\n"
    settings = {"ingest": json.loads(ingest)}
    return head.replace("\r", " ") + yaml.safe_dump(settings, allow_unicode=True, sort_keys=False, width=110)


def type_of(action: argparse.Action) -> Any:
    """The type of an option's or setting's value; None where it has none, or isn't jsonargparse's to read."""
    if type(action) is argparse._StoreAction and action.type is None:  # an option without a type is a text
        return list[str] if action.nargs == "+" else str
    return getattr(action, "_typehint", None)


def refuse_deep(text: str) -> None:
    """Raise `ValueError` where YAML has aliases or is nested without end."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):  # nine of nine of nine of them: soon more than memory holds
            raise ValueError(f"line {line}: *{event.anchor[:40]}: write out what the alias stands for")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST_CONFIG:
            raise ValueError(f"line {line} is nested deeper than {DEEPEST_CONFIG} levels")


def quoted(value: str, type_: Any) -> str:
    """A dictionary of texts in an option's `value`, with quotes around its keys and texts."""
    try:
        refuse_deep(value)
        node = yaml.compose(value, yaml.SafeLoader)
    except (ValueError, yaml.YAMLError):
        return value  # its own parser says what is wrong
    if not isinstance(node, yaml.MappingNode):
        return value
    _quote_value(node, "a value", type_)
    return yaml.serialize(node, Dumper=yaml.SafeDumper, allow_unicode=True, width=1 << 20)


def _quote(node: yaml.MappingNode, prefix: str, types: Mapping[str, Any]) -> None:
    """Make texts of the keys, and of the values whose dotted name has a text's type."""
    for key, value in node.value:
        _as_text(key)
        name = f"{prefix}{key.value}"
        if types.get(name) is not None:
            _quote_value(value, name, types[name])
        elif isinstance(value, yaml.MappingNode):
            _quote(value, f"{name}.", types)


def _quote_value(node: yaml.Node, name: str, type_: Any) -> None:
    """Make texts of what `type_` says is text. Raises `ValueError` for a null among texts."""
    members = get_args(type_) if get_origin(type_) in (Union, UnionType) else (type_,)
    if isinstance(node, yaml.ScalarNode):
        if node.tag != _NULL and all(_is_text(each) for each in members if each is not NoneType):
            _as_text(node)
    elif isinstance(node, yaml.MappingNode):
        inner = next((get_args(each)[1] for each in members if get_origin(each) is dict), Any)
        for key, value in node.value:
            _as_text(key)
            if inner is str and value.tag == _NULL and not value.style:
                raise ValueError(f'{name}.{key.value} must not be null: write "{value.value or ""}" for a text')
            _quote_value(value, f"{name}.{key.value}", inner)
    else:
        inner = next((get_args(each)[0] for each in members if get_origin(each) is list), Any)
        for each in node.value:
            _quote_value(each, name, inner)


def _is_text(type_: Any) -> bool:
    return type_ is str or (
        get_origin(type_) is Literal and all(isinstance(each, str) for each in get_args(type_))
    )


def _as_text(node: yaml.Node) -> None:
    """Read a plain scalar as the text that it is written as; an explicit tag (!!int) stays."""
    if isinstance(node, yaml.ScalarNode) and node.style is None:
        node.tag, node.style = _TEXT, '"'
