"""The complete parser, from which shell completion and the man page are generated."""

import argparse
import re
import subprocess
import sys

import pytest

from tests.unit.test_cli import HEAVY
from vtep.cli.main import main
from vtep.cli.parsers import full_parser
from vtep.cli.registry import COMMANDS
from vtep.config.options import BOOLEAN, OPTIONS
from vtep.errors import UsageError


def actions(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    return {name: action for action in parser._actions for name in action.option_strings}


def test_it_has_every_option_and_every_command_with_help() -> None:
    parser = full_parser()
    known = actions(parser)
    for option in OPTIONS:
        for name in (option.flag, *option.aliases):
            assert (known[name].help or "").startswith(option.help.replace("%", "%%"))
        assert (option.flag.replace("--", "--no-", 1) in known) == (option.kind is BOOLEAN)
    assert known["--uplink"].choices == ("socket", "inject", "auto")
    assert known["--srcport"].metavar == ("MIN", "MAX")
    (commands,) = [one for one in parser._actions if one.choices and not one.option_strings]
    assert isinstance(commands.choices, dict)
    assert list(commands.choices) == list(COMMANDS)
    for name, of_command in commands.choices.items():
        assert of_command.prog == f"vtep {name}"
        assert of_command.description
        assert actions(of_command).keys() == actions(COMMANDS[name].parser(name)).keys()


def test_it_parses_as_the_commands_do() -> None:
    found = full_parser().parse_args(["--tap", "vx0", "peer", "-s", "10.0.1.41"])
    assert (found.tap, found.statistics, found.words) == (["vx0"], True, ["10.0.1.41"])
    with pytest.raises(UsageError):
        full_parser().parse_args(["--uplink", "fast"])


@pytest.mark.parametrize("name", ["show", "fdb", "peer", "monitor"])
def test_every_switch_of_a_command_may_come_before_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    switches = [
        one for one, action in actions(COMMANDS[name].parser(name)).items() if action.nargs == 0
    ]
    for switch in sorted(set(switches) - {"-c"}):  # before the command it is --config
        for spelling in {switch, f"-{switch.lstrip('-')}"}:
            assert main([spelling, name, "--help"]) == 0
            assert capsys.readouterr().out.startswith(f"usage: vtep {name}"), spelling


def test_it_is_made_without_large_packages() -> None:
    script = (
        "import sys; from vtep.cli.parsers import full_parser; full_parser().format_help()\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not HEAVY & {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_fits_a_terminal_and_the_help_command_prints_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: vtep {name}")
    assert max(map(len, said.splitlines())) <= 80
    assert main(["help", name]) == 0
    assert capsys.readouterr().out == said
    assert re.search(r"^  -h, --help", said, re.MULTILINE)
