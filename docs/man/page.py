"""The manual page vtep.8: its template, with options and commands from the argument parser.

argparse-manpage writes pages without files, environment and exit status, with the date of today,
and repeats the options of the daemon for `vtep check`.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

_TEMPLATE = Path(__file__).with_name("vtep.8.in")

_HEADINGS = {"options": "General", "positional arguments": "Arguments"}
"""Better headings than those of argparse."""


def manual_page(parser: argparse.ArgumentParser, version: str) -> str:
    """Return the page in roff, with the macros of man(7)."""
    text = _TEMPLATE.read_text()
    for name, lines in (("OPTIONS", _options(parser)), ("COMMANDS", _commands(parser))):
        text = text.replace(f"@{name}@", "\n".join(lines))
    return text.replace("@VERSION@", version)


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the options of the daemon, a subsection for each group."""
    for group in parser._action_groups:
        actions = [one for one in group._group_actions if one.option_strings]
        if actions:
            yield f".SS {_escape(_HEADINGS.get(group.title or '', group.title or ''))}"
            for action in actions:
                yield from _entry(action)


def _commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield a subsection for each command, without the options that the daemon has, too."""
    for subparsers in parser._subparsers._group_actions if parser._subparsers else ():
        assert isinstance(subparsers.choices, dict)
        for command in subparsers.choices.values():
            own = [one for one in command._actions if not _has(parser, one)]
            yield f".SS {_synopsis(command, own)}"
            yield from _paragraphs(command.description or "")
            for action in own:
                yield from _entry(action)
            if command.epilog:
                yield ".PP"
                yield from _verbatim(command.epilog)


def _has(parser: argparse.ArgumentParser, action: argparse.Action) -> bool:
    """Tell whether *parser* has the same option, with the same help."""
    there = [parser._option_string_actions.get(name) for name in action.option_strings]
    return bool(there) and all(one is not None and one.help == action.help for one in there)


def _synopsis(command: argparse.ArgumentParser, own: list[argparse.Action]) -> str:
    words = [_escape(command.prog)]
    if any(action.option_strings for action in own):
        words.append("[option ...]")
    words += [_placeholder(action) for action in own if not action.option_strings]
    return " ".join(words)


def _placeholder(action: argparse.Action) -> str:
    """Return the name of a positional argument, and how often it may be given."""
    name = _escape(_values(action) or action.dest.upper())
    return {"?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} ..."}.get(str(action.nargs), name)


def _values(action: argparse.Action) -> str:
    """Return the placeholder of an action's values; empty if it takes none."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    if action.metavar:
        return action.metavar
    if action.choices:
        return "|".join(map(str, action.choices))
    return action.dest.upper() if action.option_strings else ""


def _entry(action: argparse.Action) -> Iterator[str]:
    """Yield an option or an argument with its help."""
    if not action.help or action.help == argparse.SUPPRESS:
        return
    value = f" \\fI{_escape(_values(action))}\\fR" if _values(action) else ""
    if action.nargs == "?" and value:
        value = f" [{value.strip()}]"
    names = [f"\\fB{_escape(name)}\\fR" for name in action.option_strings]
    yield ".TP"
    yield ", ".join(names) + value if names else value.strip()
    yield _escape(_help(action))


def _help(action: argparse.Action) -> str:
    """Return the help with its %-formats replaced, as argparse does."""
    known = {**vars(action), "prog": "vtep"}
    return re.sub(r"\s+", " ", (action.help or "") % known)


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(filter(None, text.strip().split("\n\n"))):
        if number:
            yield ".PP"
        yield _escape(" ".join(paragraph.split()))


def _verbatim(text: str) -> Iterator[str]:
    """Yield lines that keep their breaks and their indentation."""
    yield ".nf"
    for line in text.strip("\n").splitlines():
        yield _escape(line) or ".sp"
    yield ".fi"


def _escape(text: str) -> str:
    r"""Return the text as roff prints it: "-" is \-, and no line is a macro."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped
