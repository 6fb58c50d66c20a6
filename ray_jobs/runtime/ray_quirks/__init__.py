"""Ray's private corners: all that jet knows of Ray and Ray doesn't promise.

Environment variables, file descriptors, signal handlers, modules and methods whose names begin with an
underscore. Nothing else in `ray_jobs` touches them (`tests/ray_jobs/test_ray_quirks.py` sees to that), so
whoever moves to another Ray reads these files and no others. Each file names the Ray that it is tried with, and
each piece says, after "Goes when", what would show that it is no longer needed.

- `environment`: what Ray reads of the environment, and what it leaves there. Imports no Ray.
- `local`: starting a Ray of the job's own.
- `output`: what Ray prints where nobody wants it.
- `dumps`: workers that crash as they end.
- `signals`: Ctrl-C under Ray Train, the end of a driver under Ray Tune.
- `submission`: the limits of Ray's client, and which files it packs.
"""
