"""`--cut SEED` does one cut again; it is known where the command line names this folder or a file in it."""

from __future__ import annotations


def pytest_addoption(parser):
    parser.addoption("--cut", type=int, default=None, help="the seed of the one power cut to try")
