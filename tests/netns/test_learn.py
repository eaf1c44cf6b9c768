"""The course as a learner does it: the commands of each lesson print what the page shows."""

import os
import re
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.consoles import COURSE, Example, examples, says
from vtep.lab import GENEROUS_S
from vtep.lab.command import environment

pytestmark = pytest.mark.netns

LESSONS = sorted(COURSE.glob("[0-9]*.md"))
AT_A_TIME = 3
_LOG = re.compile(r"^(INFO|WARNING|ERROR) .*\n?", re.MULTILINE)
_END = "\x01"
MAKE_LAB = "vtep lab"


class Shell:
    """The shell of the lab, which runs one command after the other."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def run(self, step: Example) -> str:
        """Return the output of a command; wait for late output of background jobs."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(f"{step.command}\necho '{_END}'\n".encode())
        stdin.flush()
        said, deadline = "", time.monotonic() + GENEROUS_S
        while not (_END in said and said.endswith("\n") and says(step, _shown(said, step))):
            wait = max(0.0, deadline - time.monotonic())
            if not select.select([stdout], [], [], wait)[0] or not (
                got := os.read(stdout.fileno(), 65536)
            ):
                break
            said += got.decode(errors="replace")
        return _shown(said, step)


def _shown(said: str, step: Example) -> str:
    """Return the output without our end mark, and without log lines of a daemon."""
    said = said.replace(f"{_END}\n", "")
    return said if _LOG.search(step.output) else _LOG.sub("", said)


@contextmanager
def lab(options: list[str], directory: Path) -> Iterator[Shell]:
    with subprocess.Popen(
        [sys.executable, "-m", "vtep", "lab", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=directory,
        env=environment(),
    ) as process:
        try:
            yield Shell(process)
        finally:
            process.terminate()


def run_lesson(path: Path, directory: Path) -> None:
    lesson = examples(path)
    start = next(step for step in lesson if step.command.startswith(MAKE_LAB))
    lesson[lesson.index(start)] = start._replace(
        command="lab"
    )  # prints the drawing of the start again
    with lab(shlex.split(start.command.removeprefix(MAKE_LAB)), directory) as shell:
        for step in lesson:
            said = shell.run(step)
            where = f"{path.name}:{step.line}: {step.command}"
            assert says(step, said), f"{where}\n--- promised\n{step.output}\n--- was\n{said}"


@pytest.fixture(scope="module")
def under_way(
    request: pytest.FixtureRequest,
    private_namespace: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[None]]]:
    """Run the selected lessons in parallel, because they mostly wait."""
    wanted = {item.name for item in request.session.items}
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {
            path.stem: pool.submit(run_lesson, path, tmp_path_factory.mktemp(path.stem))
            for path in LESSONS
            if any(f"[{path.stem}]" in name for name in wanted)
        }


@pytest.mark.parametrize("lesson", [path.stem for path in LESSONS])
def test_a_lesson_prints_what_it_shows(lesson: str, under_way: dict[str, Future[None]]) -> None:
    under_way[lesson].result()
