"""A bundle that the tests of this room share. Nothing here is changed by a test."""

from __future__ import annotations

import made_up
import pytest
import small_books


@pytest.fixture(scope="session")
def fixed():
    """What a training on the charts of `small_books` leaves behind."""
    return small_books.fixed_data()


@pytest.fixture(scope="session")
def fixed_bundle(fixed):
    """A bundle of it whose network is random: it must hold for any."""
    return made_up.calibrated(
        fixed, made_up.assembled(fixed, made_up.network(fixed), small_books.Drawn.identity)
    )
