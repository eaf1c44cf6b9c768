"""The table of all options.

The command-line flags, the VTEP_* environment variables, the keys of the TOML file and
`vtep --help` are derived from it. A test compares docs/options.md with it. The defaults are in
vtep.config.model. Options of `ip link ... type vxlan` keep their names.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from vtep.config.numbers import number, whole_number

TableName: TypeAlias = Literal["overlay", "underlay", "process", "command"]
"""Where an option belongs: a table of the TOML file, its top level, or only the command line."""

JOIN, UNDERLAY, BEHAVIOUR, PROCESS = "What to join", "Underlay", "Behaviour", "Process"
GROUPS = (JOIN, UNDERLAY, BEHAVIOUR, PROCESS)
"""The headings of --help, in order."""

OFFLOADS = ("vnet", "tso", "uso", "segment", "gro")
"""Kernel offloads: of the TAP, virtio headers and TCP and UDP GSO frames; of the socket,
UDP_SEGMENT and UDP_GRO."""

_ALL_OR_NONE: dict[str, tuple[str, ...]] = {"auto": OFFLOADS, "none": ()}
_TRUE, _FALSE = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


@dataclass(frozen=True, eq=False, slots=True)
class ValueType:
    """The type of an option's value, in TOML and as text.

    Attributes:
        expected: description of a valid value, to complete "use ...".
        accepts: tells whether a TOML value is valid.
        parse: converts the text of a flag or variable to the TOML value, or raises ValueError.
        expected_text: description of a valid text, if it differs from `expected`.
        convert: converts a valid TOML value to the value in the configuration.
        choices: all valid texts, if there are few.
    """

    expected: str
    accepts: Callable[[Any], bool]
    parse: Callable[[str], Any]
    expected_text: str = ""
    convert: Callable[[Any], Any] = lambda value: value
    choices: tuple[str, ...] = ()


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _boolean(text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise ValueError
    return text.lower() in _TRUE


def _vlan(text: str) -> int | str:
    return text if text in ("strip", "pass") else whole_number(text)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _port_range(text: str) -> list[int]:
    return [whole_number(part) for part in re.split(r"[\s,-]+", text.strip())]


TEXT = ValueType("non-empty text", _is_text, str)
INTEGER = ValueType("a whole number", _is_int, whole_number)
NUMBER = ValueType("a number", lambda value: _is_int(value) or isinstance(value, float), number)
BOOLEAN = ValueType("true or false", lambda value: isinstance(value, bool), _boolean)
COUNT = ValueType("a whole number", _is_int, whole_number)
LIST = ValueType(
    'a list of addresses or names, such as ["10.0.1.41"]',
    _is_list,
    _split,
    "an address or a name, or several separated by commas",
)
VLAN_VALUE = ValueType(
    'a VLAN number, "strip" or "pass"',
    lambda value: _is_int(value) or value in ("strip", "pass"),
    _vlan,
)
PORT_RANGE = ValueType(
    "two port numbers, such as [49152, 65535]",
    lambda value: isinstance(value, list) and len(value) == 2 and all(map(_is_int, value)),
    _port_range,
    "two port numbers, such as 49152 65535",
    tuple,
)
OFFLOAD = ValueType(
    '"auto", "none", or a list of "vnet", "tso", "uso", "segment" and "gro"',
    lambda value: (
        (isinstance(value, str) and value in _ALL_OR_NONE)
        or (_is_list(value) and set(value) <= set(OFFLOADS))
    ),
    lambda text: text if text in _ALL_OR_NONE else _split(text),
    "auto, none, or a comma-separated list of vnet, tso, uso, segment and gro",
    lambda value: _ALL_OR_NONE[value] if isinstance(value, str) else tuple(value),
)


def _one_of(*choices: str) -> ValueType:
    expected = " or ".join(f'"{one}"' for one in choices)
    return ValueType(expected, lambda value: value in choices, str, choices=choices)


UPLINK_VALUE = _one_of("socket", "inject", "auto")
LOG_FORMAT = _one_of("text", "json")


class Option(NamedTuple):
    """One option.

    Attributes:
        group: its heading in --help.
        table: where it belongs in the TOML file.
        flag: its long flag; a BOOLEAN also has a --no- form.
        key: its key in the TOML file: its field in the configuration, with `-` for `_`.
        kind: the type of its value.
        metavar: placeholder for its value in --help.
        help: its description in --help: verb and object, readable alone.
        unset: the behaviour without it, if that is not a default value.
        aliases: other flags with the same meaning.
    """

    group: str
    table: TableName
    flag: str
    key: str
    kind: ValueType
    metavar: str
    help: str
    unset: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def dest(self) -> str:
        """Its attribute in the argparse namespace."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return "VTEP_" + self.dest.upper()

    @property
    def field(self) -> str:
        """Its field in the configuration."""
        return self.key.replace("-", "_")


CONFIG = Option(
    PROCESS, "command", "--config", "", TEXT, "FILE", "read the options above from a TOML file",
    aliases=("-c",),
)  # fmt: skip

OPTIONS = (
    Option(JOIN, "overlay", "--tap", "tap", TEXT, "NAME",
           "connect this TAP device; create it if missing"),
    Option(JOIN, "overlay", "--vni", "vni", INTEGER, "VNI",
           "set the VXLAN Network Identifier, 0..16777215", aliases=("--id",)),
    Option(JOIN, "overlay", "--peer", "peers", LIST, "HOST",
           "send to this remote VTEP; repeat for several", aliases=("--remote",)),
    Option(JOIN, "overlay", "--bridge", "bridge", TEXT, "BRIDGE",
           "attach the TAP to this bridge", aliases=("--master",)),
    Option(JOIN, "overlay", "--docker-network", "docker-network", TEXT, "NAME",
           "attach the TAP to this Docker network's bridge"),
    Option(JOIN, "overlay", "--vlan", "vlan", VLAN_VALUE, "N|strip|pass",
           "carry only VLAN N, or strip or pass tags", "strip"),
    Option(UNDERLAY, "underlay", "--local", "local", TEXT, "ADDRESS",
           "send from this source address", "by route"),
    Option(UNDERLAY, "underlay", "--dev", "dev", TEXT, "DEVICE",
           "send and receive by this device only", "any"),
    Option(UNDERLAY, "underlay", "--port", "port", INTEGER, "PORT",
           "send to and listen on this UDP port", aliases=("--dstport",)),
    Option(UNDERLAY, "underlay", "--srcport", "srcport", PORT_RANGE, "MIN MAX",
           "choose source ports in this range"),
    Option(UNDERLAY, "underlay", "--underlay-mtu", "mtu", INTEGER, "MTU",
           "send IP packets up to this size", "by route"),
    Option(UNDERLAY, "underlay", "--uplink", "uplink", UPLINK_VALUE, "socket|inject|auto",
           "send by UDP socket, or inject packets"),
    Option(UNDERLAY, "underlay", "--uplink-setup", "uplink-setup", BOOLEAN, "",
           "adjust rp_filter and firewall for inject"),
    Option(UNDERLAY, "underlay", "--trust-outer-checksum", "trust-outer-checksum", BOOLEAN, "",
           "skip inner checksums if outer was verified"),
    Option(BEHAVIOUR, "overlay", "--mtu", "mtu", INTEGER, "MTU",
           "set the MTU of the TAP", "underlay's - 50 or 70"),
    Option(BEHAVIOUR, "overlay", "--ageing", "ageing", NUMBER, "SECONDS",
           "expire learned FDB entries after SECONDS"),
    Option(BEHAVIOUR, "overlay", "--max-address", "max-address", INTEGER, "NUMBER",
           "limit the FDB to NUMBER entries", aliases=("--maxaddress",)),
    Option(BEHAVIOUR, "overlay", "--clamp-mss", "clamp-mss", BOOLEAN, "",
           "lower the MSS of TCP SYNs to fit the MTU"),
    Option(BEHAVIOUR, "overlay", "--accept-any", "accept-any", BOOLEAN, "",
           "accept VXLAN from any sender"),
    CONFIG,
    Option(PROCESS, "process", "--ready-fd", "ready-fd", INTEGER, "N",
           "write a newline to descriptor N when ready"),
    Option(PROCESS, "process", "--log-format", "log-format", LOG_FORMAT, "text|json",
           "write the log as text or JSON lines"),
    Option(PROCESS, "process", "--control", "control", TEXT, "PATH|none",
           "set the control socket path", "/run/vtep/TAP.sock"),
    Option(PROCESS, "process", "--web", "web", TEXT, "ADDRESS:PORT",
           "serve the live page at this TCP address"),
    Option(PROCESS, "process", "--web-remote", "web-remote", BOOLEAN, "",
           "let --web listen beyond loopback"),
    Option(PROCESS, "process", "--metrics", "metrics", TEXT, "ADDRESS:PORT",
           "serve Prometheus metrics at this TCP address"),
    Option(PROCESS, "process", "--offload", "offload", OFFLOAD, "LIST",
           "enable only the listed kernel offloads", "auto"),
    Option(PROCESS, "process", "--keep-warm", "keep-warm", BOOLEAN, "",
           "halve idle round trips for 2 % of a core"),
    Option(PROCESS, "process", "--verbose", "verbose", COUNT, "",
           "log more, and the counters each minute", aliases=("-v",)),
)  # fmt: skip


def keys(table: TableName) -> dict[str, Option]:
    """Return the options of `table` by their key in the TOML file."""
    return {option.key: option for option in OPTIONS if option.table == table}
