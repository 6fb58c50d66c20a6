"""What somebody meant who named an option or a setting that isn't one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence

import jsonargparse
import yaml

WRONG_VALUE = re.compile(r"""Parser key "([^"]+)": Expected a (?:<class ')?(.+?)(?:'>)?\. Got value: (.*)""")
WORDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text", "None": "null"}
MOST_SHOWN = 60
"""Characters of a wrong value that an error repeats."""


def meant(name: str, known: Iterable[str]) -> str:
    """ ": did you mean …?", with the nearest of the `known` names; nothing where none is near.

    The last part of a dotted name counts too: a setting is found in whatever part it is.
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, 1, 0.75)
    if not near:
        last = {each.rpartition(".")[2].lstrip("-"): each for each in reversed(names)}
        near = [
            last[each] for each in difflib.get_close_matches(name.rpartition(".")[2].lstrip("-"), last, 1, 0.8)
        ]
    return f": did you mean {near[0]}?" if near else ""


def told(error: Exception) -> str:
    """An error of jsonargparse's in plain words, on one line."""
    why = " ".join(str(error).split()).rstrip(".")
    found = WRONG_VALUE.fullmatch(why)
    if found is None:
        return why
    name, type_, value = found.groups()
    shown = value if len(value) <= MOST_SHOWN else f"{value[:MOST_SHOWN]}…"
    if type_.startswith("typing.Literal["):
        choices = re.findall(r"'([^']*)'", type_)
        return f"{name} must be one of {', '.join(choices)}, got {shown}{meant(value, choices)}"
    words = " or ".join(WORDS.get(each, each) for each in type_.split(" | "))
    return f"{name} must be {words}, got {shown}"


def unknown_option(
    argv: Sequence[str], parser: jsonargparse.ArgumentParser, also: Iterable[str] = ()
) -> str | None:
    """What is wrong with the first option in `argv` that the parser hasn't; None where it has all."""
    known = [*(each for action in parser._actions for each in action.option_strings), *also]
    for argument in argv:
        option = argument.partition("=")[0]
        if option.startswith("--") and len(option) > 2 and not _is_known(option, known):
            return f"there is no option {option}{meant(option, known)}"
    return None


def unknown_setting(config: str, parser: jsonargparse.ArgumentParser) -> str | None:
    """The same of the first key in the text of a config."""
    known = [action.dest for action in parser._actions if action.dest not in ("help", "config", "print_config")]
    for name in _keys(yaml.compose(config, yaml.SafeLoader), "", set(known)):
        if name not in known and not any(each.startswith(f"{name}.") for each in known):
            return f"there is no setting {name}{meant(name, known)}"
    return None


def _is_known(option: str, known: Sequence[str]) -> bool:
    """Whether it is an option, or a key within a setting."""
    return option in known or any(option.startswith(f"{each}.") for each in known if "." in each)


def _keys(node: yaml.Node, prefix: str, known: set[str]) -> Iterator[str]:
    """The dotted names in a config; what lies within a setting is its value."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (name := f"{prefix}{key.value}")
            if name not in known or any(each.startswith(f"{name}.") for each in known):
                yield from _keys(value, f"{name}.", known)
