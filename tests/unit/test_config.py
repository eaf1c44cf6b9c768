"""What files, variables and flags mean. How mistakes are answered is in test_cli.py."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from vtep.config import model as config_
from vtep.config.load import from_arguments, load
from vtep.config.model import Config, OverlayConfig, UnderlayConfig
from vtep.config.options import BOOLEAN, GROUPS, OPTIONS
from vtep.errors import UsageError

DOCS = Path(__file__).parents[2] / "docs"
LEAST = {"tap": ["vx0"], "vni": ["100"], "peer": ["10.0.1.41"]}


def given(**texts: list[str]) -> argparse.Namespace:
    return argparse.Namespace(**texts)


def in_file(folder: Path, text: str) -> Path:
    path = folder / "vtep.toml"
    path.write_text(text)
    return path


def test_the_least_command_line_is_one_overlay_with_every_default() -> None:
    assert from_arguments(given(**LEAST), {}) == Config(
        UnderlayConfig(local=None, dev=None, port=4789, srcport=(49152, 65535), mtu=None),
        (
            OverlayConfig(
                vni=100,
                tap="vx0",
                peers=("10.0.1.41",),
                bridge=None,
                docker_network=None,
                vlan=None,
                tags="strip",
                mtu=None,
                ageing=300.0,
                max_address=1_048_576,
                clamp_mss=True,
                accept_any=False,
            ),
        ),
        ready_fd=None,
        verbose=0,
        log_format="text",
        offload=("vnet", "tso", "uso", "segment", "gro"),
    )


EVERYTHING = Config(
    UnderlayConfig(
        local="10.0.1.4",
        dev="u1",
        port=8472,
        srcport=(5000, 5999),
        mtu=9001,
        uplink="auto",
        uplink_setup=True,
        trust_outer_checksum=True,
    ),
    (
        OverlayConfig(
            vni=0xABCDEF,
            tap="vx7",
            peers=("10.0.1.41", "h2.example"),
            docker_network="vxlan-net",
            vlan=10,
            mtu=1400,
            ageing=1.5,
            max_address=16,
            clamp_mss=False,
            accept_any=True,
        ),
    ),
    ready_fd=3,
    verbose=2,
    log_format="json",
    offload=("vnet", "gro"),
    control="/run/vtep/a.sock",
    web="[::]:8789",
    web_remote=True,
    metrics="10.0.1.4:9478",
)
EVERY_TEXT = {
    "tap": ["vx7"],
    "vni": ["0xabcdef"],
    "peer": ["10.0.1.41", "h2.example"],
    "docker_network": ["vxlan-net"],
    "vlan": ["10"],
    "local": ["10.0.1.4"],
    "dev": ["u1"],
    "port": ["8472"],
    "srcport": ["5000 5999"],
    "underlay_mtu": ["9001"],
    "uplink": ["auto"],
    "uplink_setup": ["yes"],
    "trust_outer_checksum": ["yes"],
    "mtu": ["1400"],
    "ageing": ["1.5"],
    "max_address": ["16"],
    "clamp_mss": ["no"],
    "accept_any": ["yes"],
    "ready_fd": ["3"],
    "log_format": ["json"],
    "offload": ["vnet,gro"],
    "control": ["/run/vtep/a.sock"],
    "web": ["[::]:8789"],
    "web_remote": ["yes"],
    "metrics": ["10.0.1.4:9478"],
}


def test_flags_variables_and_a_file_say_everything_alike(tmp_path: Path) -> None:
    path = in_file(
        tmp_path,
        """
        ready-fd = 3
        verbose = 2
        log-format = "json"
        offload = ["vnet", "gro"]
        control = "/run/vtep/a.sock"
        web = "[::]:8789"
        web-remote = true
        metrics = "10.0.1.4:9478"
        [underlay]
        local = "10.0.1.4"
        dev = "u1"
        port = 8472
        srcport = [5000, 5999]
        mtu = 9001
        uplink = "auto"
        uplink-setup = true
        trust-outer-checksum = true
        [[overlay]]
        vni = 0xABCDEF
        tap = "vx7"
        peers = ["10.0.1.41", "h2.example"]
        docker-network = "vxlan-net"
        vlan = 10
        mtu = 1400
        ageing = 1.5
        max-address = 16
        clamp-mss = false
        accept-any = true
        """,
    )
    variables = {f"VTEP_{name.upper()}": ",".join(texts) for name, texts in EVERY_TEXT.items()}
    assert load(path) == EVERYTHING
    assert from_arguments(given(**EVERY_TEXT, verbose=["yes", "yes"]), {}) == EVERYTHING
    assert from_arguments(given(), {**variables, "VTEP_VERBOSE": "2"}) == EVERYTHING
    untold = {option.dest for option in OPTIONS} - EVERY_TEXT.keys() - {"verbose"}
    assert untold == {"bridge", "config"}  # one stands against docker-network, one against all


def test_a_flag_beats_a_variable_and_an_empty_variable_is_none() -> None:
    environ = {"VTEP_PORT": "8472", "VTEP_AGEING": "60", "VTEP_BRIDGE": ""}
    config = from_arguments(given(**LEAST, port=["4790"]), environ)
    assert config.underlay.port == 4790
    assert config.overlays[0].ageing == 60
    assert config.overlays[0].bridge is None


def test_a_variable_beats_the_file_about_the_process_and_not_about_the_overlay(
    tmp_path: Path,
) -> None:
    path = in_file(
        tmp_path,
        'log-format = "text"\nverbose = 1\n[[overlay]]\nvni = 1\ntap = "a"\npeers = ["h"]\n',
    )
    environ = {"VTEP_LOG_FORMAT": "json", "VTEP_VNI": "7", "VTEP_PORT": "no number at all"}
    config = from_arguments(given(config=[str(path)], ready_fd=["5"]), environ)
    assert (config.log_format, config.verbose, config.ready_fd) == ("json", 1, 5)
    assert config.overlays[0].vni == 1
    assert config.underlay.port == 4789


def test_the_file_may_be_named_by_a_variable_which_flags_beat(tmp_path: Path) -> None:
    path = in_file(tmp_path, '[[overlay]]\nvni = 1\ntap = "a"\naccept-any = true\n')
    environ = {"VTEP_CONFIG": str(path)}
    assert from_arguments(given(), environ).overlays[0].vni == 1
    assert from_arguments(given(**LEAST), environ).overlays[0].vni == 100


def test_a_peer_named_twice_is_one_peer() -> None:
    flags = {**LEAST, "peer": ["10.0.1.41,h2", "h2", "10.0.1.41"]}
    assert from_arguments(given(**flags), {}).overlays[0].peers == ("10.0.1.41", "h2")


@pytest.mark.parametrize("word", ["strip", "pass"])
def test_vlan_says_what_becomes_of_tags(word: str, tmp_path: Path) -> None:
    overlay = from_arguments(given(**LEAST, vlan=[word]), {}).overlays[0]
    assert (overlay.vlan, overlay.tags) == (None, word)
    path = in_file(tmp_path, f'[[overlay]]\nvni=1\ntap="a"\npeers=["h"]\nvlan="{word}"\n')
    assert load(path).overlays[0].tags == word


@pytest.mark.parametrize(
    "edge",
    [
        {"vni": ["0"]},
        {"vni": ["16777215"]},
        {"vlan": ["1"]},
        {"vlan": ["4094"]},
        {"port": ["1"]},
        {"port": ["65535"]},
        {"srcport": ["1 65535"]},
        {"srcport": ["5000 5000"]},
        {"mtu": ["576"]},
        {"underlay_mtu": ["626"]},
        {"tap": ["x" * 15]},
        {"ageing": ["0.001"]},
        {"max_address": ["0"]},
        {"peer": ["fd00::1", "fe80::1%eth0", "host_1.example"]},
    ],
    ids=str,
)
def test_the_last_legal_value_is_legal(edge: dict[str, list[str]]) -> None:
    from_arguments(given(**{**LEAST, **edge}), {})


@pytest.mark.parametrize("text", ["5000 5999", "5000,5999", "5000-5999", " 5000 , 5999 "])
def test_a_range_of_ports_may_be_written_in_several_ways(text: str) -> None:
    config = from_arguments(given(**LEAST), {"VTEP_SRCPORT": text})
    assert config.underlay.srcport == (5000, 5999)


@pytest.mark.parametrize(
    ("word", "meaning"), [("auto", ("vnet", "tso", "uso", "segment", "gro")), ("none", ())]
)
def test_offloads_may_be_all_or_none(word: str, meaning: tuple[str, ...], tmp_path: Path) -> None:
    assert from_arguments(given(**LEAST, offload=[word]), {}).offload == meaning
    least = '[[overlay]]\nvni=1\ntap="a"\npeers=["h"]\n'
    path = in_file(tmp_path, f'offload = "{word}"\n{least}')
    assert load(path).offload == meaning
    other = from_arguments(given(config=[str(path)], offload=["segment"]), {})
    assert other.offload == ("segment",)


def test_a_trunk_takes_vlans_beside_one_overlay_for_the_untagged() -> None:
    overlays = tuple(
        OverlayConfig(vni=vni, tap="trunk0", peers=("h",), bridge="br0", vlan=vlan)
        for vni, vlan in ((1, 10), (2, 20), (3, None))
    )
    assert Config(UnderlayConfig(), overlays).overlays == overlays


def test_a_config_made_by_hand_is_checked_too() -> None:
    with pytest.raises(UsageError, match="no peer"):
        Config(UnderlayConfig(), (OverlayConfig(vni=1, tap="a"),))
    with pytest.raises(UsageError, match="no overlay"):
        Config(UnderlayConfig(), ())


def test_every_field_of_the_configuration_has_its_option() -> None:
    fields: list[tuple[str, Any]] = [
        ("underlay", UnderlayConfig),
        ("overlay", OverlayConfig),
        ("process", Config),
    ]
    wanted = {(table, name) for table, of in fields for name in of.__dataclass_fields__}
    # `vlan` speaks for `tags`; the tables of the file are the two others.
    wanted -= {("overlay", "tags"), ("process", "underlay"), ("process", "overlays")}
    table = {(option.table, option.field) for option in OPTIONS if option.table != "command"}
    assert table == wanted


def test_the_document_lists_every_option_as_it_is() -> None:
    documented: list[list[str]] = []
    group = ""
    for line in (DOCS / "options.md").read_text().splitlines():
        group = line.removeprefix("## ") if line.startswith("## ") else group
        if line.startswith("| `"):
            cells = line.replace(r"\|", "/").strip("|").split("|")
            flags, key, variable, default, _ = (cell.strip().replace("`", "") for cell in cells)
            documented.append([group, flags, key, variable, default])
    table: list[list[str]] = []
    for option in sorted(OPTIONS, key=lambda option: GROUPS.index(option.group)):
        names = [option.flag, *option.aliases]
        if option.kind is BOOLEAN:
            names.append(f"--no-{option.key}")
        names.sort(key=lambda name: name.startswith("--"))
        flags = ", ".join(f"{name} {option.metavar.replace('|', '/')}".strip() for name in names)
        row = [option.group, flags, option.key, option.variable, config_.default(option)]
        table.append(row)
    assert documented == table
