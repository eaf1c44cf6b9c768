"""The topology that most tests of this folder want."""

from collections.abc import Iterator

import pytest

from vtep.lab import TwoHosts, two_hosts


@pytest.fixture
def lab() -> Iterator[TwoHosts]:
    """Two hosts with a container each, over IPv4, without a tunnel."""
    with two_hosts() as made:
        yield made
