"""Checks `node_config`, which Ray passes to the cloud unread, against the cloud's client library.

The references are botocore's model of EC2's RunInstances, and the description of Compute Engine's Instance in
Google's API client. Otherwise a misspelled key would show only when the first node fails to start.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore.validate import ParamValidator
from googleapiclient.discovery_cache import get_static_doc

from cluster.checks.files import LAUNCHER_FILES, Found, launcher_config

SET_BY_RAY = {"MinCount": 1, "MaxCount": 1}
RAYS_OWN_KEY = "SubnetIds"
"""The key whose subnets Ray chooses RunInstances' SubnetId from."""
SIMPLE: dict[str, type] = {"string": str, "boolean": bool, "integer": int}


def problems(root: Path) -> Iterator[str]:
    """One line for each key or value in a node_config that the cloud would refuse."""
    for name in LAUNCHER_FILES:
        config = launcher_config(root, name)
        known = {"aws": aws, "gcp": gcp}[config["provider"]["type"]]
        for kind, given in config["available_node_types"].items():
            for place, what in known(given["node_config"]):
                yield f"{name}: available_node_types.{kind}.node_config{place}: {what}"


def aws(node: dict[str, Any]) -> Found:
    """Compare with botocore's model, which has the types of all values and the names of instance types."""
    shape = run_instances()
    given = {key: value for key, value in node.items() if key != RAYS_OWN_KEY} | SET_BY_RAY
    for error in ParamValidator().validate(given, shape).generate_report().splitlines():
        yield "", error.partition(", must be one of")[0]
    if node.get("InstanceType") not in shape.members["InstanceType"].enum:
        yield ".InstanceType", f"EC2 has no {node.get('InstanceType')!r}"


@cache
def run_instances() -> Any:
    """Botocore's model of the parameters of RunInstances."""
    return botocore.session.get_session().get_service_model("ec2").operation_model("RunInstances").input_shape


def gcp(node: dict[str, Any]) -> Found:
    """Compare with Google's description of the API."""
    return differences(node, {"$ref": "Instance"}, "")


@cache
def schemas() -> dict[str, Any]:
    """The schemas of Compute Engine's API by name."""
    found: dict[str, Any] = json.loads(get_static_doc("compute", "v1"))["schemas"]
    return found


def differences(value: Any, schema: dict[str, Any], place: str) -> Found:
    """The places where `value` doesn't match Google's schema."""
    schema = schemas()[schema["$ref"]] if "$ref" in schema else schema
    if schema["type"] == "object":
        if not isinstance(value, dict):
            yield place, f"must be a mapping, not {value!r}"
            return
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for key, inner in value.items():
            if key in known or others:
                yield from differences(inner, known.get(key, others), f"{place}.{key}")
            else:
                yield f"{place}.{key}", "Compute Engine knows no such key"
    elif schema["type"] == "array":
        if not isinstance(value, list):
            yield place, f"must be a list, not {value!r}"
            return
        for number, inner in enumerate(value):
            yield from differences(inner, schema["items"], f"{place}[{number}]")
    elif schema.get("format") in ("int64", "uint64"):  # strings in the description, and numbers taken as well
        if not isinstance(value, int):
            yield place, f"must be a whole number, not {value!r}"
    elif not isinstance(value, SIMPLE.get(schema["type"], object)):
        yield place, f"must be a {schema['type']}, not {value!r}"
    elif "enum" in schema and value not in schema["enum"]:
        yield place, f"must be one of {', '.join(schema['enum'])}, not {value!r}"
