"""The description of the machines: cluster launcher, KubeRay, image and monitoring, and their checks."""
