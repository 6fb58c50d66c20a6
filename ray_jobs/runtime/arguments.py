"""The arguments of a job, from a command line and config files to settings that can be.

Every job has the same options beside its own: `--config FILE` (YAML), dotted overrides of any setting
(`--model.hidden 64`), `--result FILE` and `--quiet`. What is no option or no value of one is refused, with the
nearest that is. Imports neither Ray nor PyTorch, nor pyarrow where no path is on a store.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, cast, get_args, get_origin, get_type_hints

import jsonargparse

from jet.artifacts.uris import is_uri, refuse_keys, without_scheme
from ray_jobs.runtime.configs import checked_config, quoted, refuse_long, type_of
from ray_jobs.runtime.nearest import told, unknown_option, unknown_setting
from ray_jobs.runtime.settings import JobConfig

jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)  # --help tells what settings mean


def job_parser(name: str, options: Any) -> jsonargparse.ArgumentParser:
    """The parser of a job whose module of options (`ray_jobs.options`) is `options`."""
    parser = jsonargparse.ArgumentParser(
        prog=f"jet {name}", description=options.HELP, allow_abbrev=False, exit_on_error=False
    )
    options.arguments(parser)
    parser.add_argument("--config", action="config", help="a YAML file with any of the settings below")
    parser.add_argument(
        "--result", help="file to write the last line to, with the exit status; on a failure, the error"
    )
    parser.add_argument("--quiet", action="store_true", help="say only warnings and errors, and the last line")
    parser.add_class_arguments(JobConfig)
    parser.set_defaults(getattr(options, "DEFAULTS", {}))
    return parser


def parsed(parser: jsonargparse.ArgumentParser, argv: Sequence[str], options: Any) -> jsonargparse.Namespace:
    """The options in `argv`; a config may lie on an object store.

    Raises `ValueError` where a path has a secret in it, before anything repeats it, and for what is no option
    or no value of one.
    """
    arguments = translated(argv, options)
    for argument in arguments:
        refuse_keys(argument.partition("=")[2] if argument.startswith("--") else argument)
    if (why := unknown_option(arguments, parser, getattr(options, "ALSO", {}))) is not None:
        raise ValueError(with_help(why, parser))
    arguments, configs = with_configs(arguments, parser)
    try:
        settings = parser.parse_args(with_texts(arguments, parser))
    except jsonargparse.ArgumentError as error:
        for name, text in configs:
            if (why := unknown_setting(text, parser)) is not None:
                raise ValueError(with_help(f"{name}: {why}", parser)) from None
        where = f" (among the options or in {' and '.join(name for name, _ in configs)})" if configs else ""
        raise ValueError(with_help(told(error) + where, parser)) from None
    refuse_misshapen(settings, JobConfig)
    return settings


def with_help(why: str, parser: jsonargparse.ArgumentParser) -> str:
    """An error, and where one finds what is right."""
    separator = " " if why.endswith("?") else "; "
    return f"{why}{separator}{parser.prog} --help lists the options, --help all the settings too"


def translated(argv: Sequence[str], options: Any) -> list[str]:
    """`argv` with the job's own options in place of their other names, and paths in place of URLs of files."""
    also = getattr(options, "ALSO", {})
    parts = (without_scheme(argument).partition("=") for argument in argv)
    return [also.get(option, option) + separator + without_scheme(value) for option, separator, value in parts]


def with_configs(
    argv: Sequence[str], parser: jsonargparse.ArgumentParser
) -> tuple[list[str], list[tuple[str, str]]]:
    """`argv` with the checked text of each config in place of its path, and the configs by name.

    What is neither a file nor a config's text stays: the parser says what is wrong with it.
    """
    arguments, configs = list(argv), []
    for number, argument in enumerate(argv):
        option, given, path = argument.partition("=")
        if option != "--config" and (number == 0 or argv[number - 1] != "--config"):
            continue
        path = path if given else argument
        found = config_at(path)
        if found is not None:
            name, content = found
            text = checked_config(name, content, parser)
            configs.append((name, text))
            arguments[number] = f"{option}={text}" if option == "--config" else text
    return arguments, configs


def config_at(path: str) -> tuple[str, bytes] | None:
    """The name and content of a config: a file, local or on a store, or a text of settings; else None."""
    if is_uri(path) and "\n" not in path and "{" not in path:
        from jet.artifacts.storage import fetched  # imports pyarrow

        with fetched(path) as local:
            return (path, local.read_bytes()) if local.is_file() else None
    if os.path.isfile(path):  # noqa: PTH113 (it may be a config's text, too long for a path)
        refuse_long(path, Path(path).stat().st_size)
        return path, Path(path).read_bytes()
    return ("the config", path.encode()) if ":" in path and not os.path.exists(path) else None  # noqa: PTH110


def with_texts(argv: Sequence[str], parser: jsonargparse.ArgumentParser) -> list[str]:
    """`argv` with quotes around the texts of dictionaries (`--ingest.columns '{account: No}'`)."""
    types = {each: type_of(action) for action in parser._actions for each in action.option_strings}
    arguments = list(argv)
    for number, argument in enumerate(argv):
        option, given, value = argument.partition("=")
        if given and get_origin(types.get(option)) is dict:
            arguments[number] = f"{option}={quoted(value, types[option])}"
        elif number and get_origin(types.get(argv[number - 1])) is dict:
            arguments[number] = quoted(argument, types[argv[number - 1]])
    return arguments


def refuse_misshapen(given: jsonargparse.Namespace, settings: type, prefix: str = "") -> None:
    """Raise `ValueError` where a setting is null that can't be, or a part no table: the parser takes null for
    any setting, and anything for a part."""
    for name, type_ in get_type_hints(settings).items():
        if is_dataclass(type_):
            if not isinstance(given[name], jsonargparse.Namespace):
                raise ValueError(
                    f"{prefix}{name} must not be {given[name]!r:.40}: write settings and their values"
                )
            refuse_misshapen(given[name], cast(type, type_), f"{prefix}{name}.")
        elif given[name] is None and type(None) not in get_args(type_):
            raise ValueError(f"{prefix}{name} must not be null: leave it out to have the default")
