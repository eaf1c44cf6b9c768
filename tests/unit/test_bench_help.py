"""--help of the benchmark: commands, contenders and defaults."""

import re

import pytest

from bench import plan
from bench.cli import main
from bench.contenders import CONTENDERS


def ask(*words: str) -> None:
    """Print the help of a command."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", "100")
        with pytest.raises(SystemExit) as ended:
            main([*words, "--help"])
    assert ended.value.code == 0


@pytest.mark.parametrize("words", [(), ("tcp",), ("run",), ("all",)])
def test_help_names_contenders_and_defaults(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    ask(*words)
    said = capsys.readouterr().out
    assert [name for name in CONTENDERS if f"\n  {name} " not in said] == []
    assert re.search(rf"rounds \[{plan.ROUNDS}\]|{plan.ROUNDS} rounds", said)
    assert all(f"{kind} {seconds}" in said for kind, seconds in plan.SECONDS.items())


def test_help_describes_the_benchmark_and_lists_the_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ask()
    said = capsys.readouterr().out
    assert "Measure vtep in alternation with the kernel's vxlan" in said
    assert "examples:" in said
    for command in ("all", *plan.SECONDS, "run", "scaling", "page", "profile", "plot", "compare"):
        assert re.search(rf"^    {command}\s", said, re.MULTILINE), command
