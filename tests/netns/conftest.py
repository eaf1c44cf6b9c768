"""The topologies that most tests in this folder use."""

from collections.abc import Iterator

import pytest

from tests.netns.site import Site, open_site
from vtep.lab import TwoHosts, two_hosts


@pytest.fixture
def lab() -> Iterator[TwoHosts]:
    """Two hosts with a container each, over IPv4, without a tunnel."""
    with two_hosts() as made:
        yield made


@pytest.fixture(scope="module")
def site(private_namespace: None) -> Iterator[Site]:
    """A daemon with a control socket, shared by the tests of one file."""
    with open_site() as opened:
        yield opened
