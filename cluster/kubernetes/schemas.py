"""Checks manifests against their schemas: Kubernetes', and the parts of KubeRay's that we use.

Unknown keys are refused."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from cluster.kubernetes.kustomize import Manifest

KUBERNETES = "1.33"
"""The version of the schemas: not the newest, and still offered by the clouds."""
SCHEMA = yaml.safe_load((Path(__file__).parent / "schema.yaml").read_text())


def schema_problems(manifest: Manifest) -> Iterator[str]:
    """The violations of the manifest's schema; of a RayCluster without its pods."""
    if manifest["apiVersion"].partition("/")[0] != "ray.io":
        yield from native_problems(manifest)
        return
    outer = {**manifest, "apiVersion": "v1", "kind": "PodTemplate"}
    yield from native_problems({key: outer[key] for key in ("apiVersion", "kind", "metadata")})
    for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(manifest):
        yield _told(error)


def pod_problems(template: dict[str, Any]) -> Iterator[str]:
    """The violations of Kubernetes' schema in a pod template."""
    yield from native_problems({"apiVersion": "v1", "kind": "PodTemplate", "template": template})


def native_problems(manifest: Manifest) -> Iterator[str]:
    """The violations of Kubernetes' schema in one of its own kinds."""
    found = _native(json.dumps(manifest))
    if found:
        yield found


@functools.cache  # the same pods again and again, and loading the schemas takes its time
def _native(manifest: str) -> str | None:
    try:
        kubernetes_validate.validate(json.loads(manifest), KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return _told(error)
    except kubernetes_validate.SchemaNotFoundError as error:
        return f"kind: {error.message}"
    return None


def _told(error: jsonschema.ValidationError) -> str:
    """The place and message of an error; of several alternatives, for the one that fits best."""
    best = jsonschema.exceptions.best_match([error]) or error
    return f"{'.'.join(map(str, best.absolute_path)) or 'manifest'}: {best.message[:200]}"
