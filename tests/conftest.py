"""Fixtures of the whole suite: the private namespace, and failure of skipped tests in CI."""

import os
import signal
from collections.abc import Generator
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from vtep.lab import LabError, enter

if os.geteuid() != 0:
    # A process with numpy's threads cannot create a user namespace, which ordinary users need.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# `nohup` and the `&` of a shell ignore these signals, and every program under test inherits that.
for _number, _handler in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)

# The duration of an example depends more on the machine than on the code.
settings.register_profile("vtep", deadline=None)
settings.load_profile("vtep")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Assign whole files to each process, and all Docker tests to the same process."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            scope: str = super()._split_scope(nodeid)
            return "docker" if scope.startswith("tests/docker/") else scope

    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the netns tests last: the first of them leaves the machine's network for good."""
    items.sort(key=lambda item: item.get_closest_marker("netns") is not None)


@pytest.fixture(scope="session")
def private_namespace() -> None:
    """Move the test process into private namespaces, which disappear with it."""
    try:
        with open("/dev/net/tun", "r+b", buffering=0):
            pass
    except OSError as error:
        pytest.skip(f"cannot create a TAP device: {error}")
    try:
        enter()
    except LabError as error:
        pytest.skip(f"cannot create a private namespace: {error}")


@pytest.fixture(autouse=True)
def _enter_when_marked(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("netns"):
        request.getfixturevalue("private_namespace")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one in CI."""
    return _in_ci_no_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skipped file into a failed one in CI."""
    return _in_ci_no_skip((yield))


def _in_ci_no_skip(report: Report) -> Report:
    """Turn skipped into failed if CI is set; expected failures count as skipped, but pass."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {reason}"
    return report
