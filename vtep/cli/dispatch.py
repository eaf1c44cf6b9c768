"""Find the command in a command line, and run it; options may come before it, as in iproute2."""

from collections.abc import Sequence
from pathlib import Path

from vtep.cli import early
from vtep.cli.guesses import ABBREVIATED, NOT_COMMANDS, SYNONYMS, means_show
from vtep.cli.registry import COMMANDS
from vtep.config.options import OPTIONS
from vtep.config.unsupported import UNSUPPORTED
from vtep.errors import UsageError, did_you_mean

_HELP = {"-h", "-help", "--help"}
_VERSION = {"-V", "-version", "--version"}


def run(name: str, words: Sequence[str]) -> int:
    """Run a command with the words after its name; return the exit code.

    Raises:
        UsageError: a word is wrong; and what the command raises.
    """
    try:
        arguments = COMMANDS[name].parser(name).parse_command(words)
    except SystemExit as printed:  # by argparse, after --help
        return int(printed.code or 0)
    code: int = arguments.run(arguments)
    return code


def split_command(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the name of the command and the words for it; None and all words for the daemon.

    Raises:
        UsageError: the command is unknown, or options that need a command have none.
    """
    number = early.count(words)
    options, rest = [*words[:number]], [*words[number:]]
    _refuse_early_color(rest)
    if rest[:1] == ["--"]:
        del rest[0]
        if not rest:
            raise UsageError("command: missing after --; write for example vtep show")
    elif not rest or rest[0].startswith("-"):
        return _without_command(options, rest)
    word = rest.pop(0)
    name = _command(word)
    if _VERSION.intersection(options):
        return "version", []
    if rest[-1:] == ["help"] and (len(rest) == 1 or (len(rest) == 2 and means_show(rest[0]))):
        rest = ["--help"]
    elif name == "help" and rest and not rest[0].startswith("-"):
        rest = [_command(rest[0]), *(one for one in rest[1:] if one.startswith("-"))]
    elif word == "link":
        rest = _after_link(rest)
    return name, [*options, *rest]


def _without_command(options: list[str], rest: list[str]) -> tuple[str | None, list[str]]:
    """Return what `split_command` does for early options that no command follows."""
    if not options:
        return None, rest
    if _HELP.intersection(options):
        return "help", []
    if _VERSION.intersection(options):
        return "version", []
    hint = "; to run it in the background use a service or nohup" if options[0] == "-d" else ""
    raise UsageError(
        f"option {options[0]!r}: not an option of the daemon, but of commands; "
        f"write for example vtep {early.as_example(options)} show{hint}"
    )


def _refuse_early_color(words: list[str]) -> None:
    """Explain `-c show`, which is `--config show`, but `--color show` in iproute2.

    Raises:
        UsageError: the words begin so, and the file does not exist.
    """
    if words[:1] == ["-c"] and words[1:] and _meant(words[1]) and not Path(words[1]).exists():
        raise UsageError(
            f"option '-c': means --config FILE before a command; write -c after {words[1]}, "
            "or write -color"
        )


def _after_link(words: list[str]) -> list[str]:
    """Return the words for `vtep show` of `vtep link [show] ...`."""
    if words and words[0] in NOT_COMMANDS:
        raise UsageError(f"link {words[0]}: {NOT_COMMANDS[words[0]]}")
    return words[1:] if words and means_show(words[0]) else words


def _meant(word: str) -> str | None:
    """Return the name of the command that a word means; None if it means none, or several."""
    if word in COMMANDS:
        return word
    meant = {SYNONYMS.get(one, one) for one in ABBREVIATED if one.startswith(word)}
    return meant.pop() if len(meant) == 1 else None


def _command(word: str) -> str:
    """Return the name of the command that a word means.

    Raises:
        UsageError: it means none.
    """
    for refused in (NOT_COMMANDS, UNSUPPORTED):
        if word in refused:
            raise UsageError(f"{word}: {refused[word]}")
    name = _meant(word)
    if name is not None:
        return name
    names = {
        name.lstrip("-"): name for option in OPTIONS for name in (option.flag, *option.aliases)
    }
    if word in names:
        remedy = f"did you mean {names[word]!r}?"
    else:
        remedy = did_you_mean(word, list(COMMANDS), "see vtep --help")
    raise UsageError(f"command {word!r}: unknown; {remedy}")
