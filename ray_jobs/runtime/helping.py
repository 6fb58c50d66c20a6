"""The help of a job: its own options and the settings that matter first, on one screen; with `all` the rest.

Which settings these are, and which parts of them bear on the job, says its module of `ray_jobs.options`.
What is told of a setting is what stands behind it in its dataclass: its first sentence; with `all`, all of it.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from typing import Any

import jsonargparse

from ray_jobs.runtime.settings import JobConfig

PARTS = tuple(each.name for each in fields(JobConfig))
SENTENCE = re.compile(r"(.+?)[.;] ")
WITH_ALL = "--help all tells all settings that bear on this job"


def wanted_help(argv: Sequence[str]) -> str | None:
    """What follows the first --help ("all" for everything, else ""); None where nobody asks for help."""
    for number, argument in enumerate(argv):
        option, _, value = argument.partition("=")
        if option in ("-h", "--help"):
            return value or ("all" if "all" in argv[number + 1 : number + 2] else "")
    return None


def help_text(parser: jsonargparse.ArgumentParser, options: Any, everything: bool) -> str:
    """The help of a job whose module of options is `options`."""
    return whole_help(parser, options.PARTS) if everything else short_help(parser, options.TEN)


def short_help(parser: jsonargparse.ArgumentParser, settings: Sequence[str]) -> str:
    """The help with the job's own options and some settings: what each is, and its default."""
    shown = argparse.ArgumentParser(
        description=parser.description,
        usage=usage(parser),
        epilog=f"{WITH_ALL}; a config file may have those of every job.",
        add_help=False,
        formatter_class=partial(argparse.HelpFormatter, max_help_position=32),
    )
    groups = [shown.add_argument_group("options"), shown.add_argument_group("settings, with their defaults")]
    wholes = {action.dest.partition(".")[0] for action in parser._actions if "." in action.dest}
    for action in parser._actions:
        is_setting = action.dest in settings
        if is_setting or not (
            action.dest.partition(".")[0] in PARTS or action.dest in {"help", "print_config", *wholes}
        ):
            say = first_sentence(action.help or "") if is_setting else action.help or ""
            groups[is_setting].add_argument(
                *(action.option_strings or [action.dest]), metavar=value_of(action), help=say.replace("%", "%%")
            )
    groups[0].add_argument("--help [all]", action="store_true", help=f"show this; {WITH_ALL}")
    return shown.format_help()


def whole_help(parser: jsonargparse.ArgumentParser, parts: Sequence[str]) -> str:
    """The help with the job's own options and all settings of some `parts`."""
    for action in parser._actions:
        part, dot, _ = action.dest.partition(".")
        if part in PARTS and not (dot and part in parts):
            action.help = argparse.SUPPRESS
    for group in parser._action_groups:
        if all(action.help == argparse.SUPPRESS for action in group._group_actions):
            group.title = group.description = None
    parser.usage = usage(parser)
    return parser.format_help()


def usage(parser: jsonargparse.ArgumentParser) -> str:
    """The usage: the required options alone."""
    required = [
        " ".join([*each.option_strings[:1], value_of(each)]) for each in parser._actions if each.required
    ]
    return " ".join([parser.prog, *required, "[options]"])


def value_of(action: argparse.Action) -> str:
    """What stands for an option's value: the default of a setting, as YAML has it, and else a name."""
    if action.nargs == 0:
        return ""
    if not action.option_strings:
        return str(action.metavar)
    if (action.default is None and "." not in action.dest) or isinstance(action.default, list):
        return action.dest.upper() + (" …" if action.nargs == "+" else "")
    return action.default if isinstance(action.default, str) and action.default else json.dumps(action.default)


def first_sentence(text: str) -> str:
    """The first sentence of a help, or what stands before its semicolon."""
    text = " ".join(text.split())
    found = SENTENCE.match(text)
    return found[1] if found else text.rstrip(".")
