"""Values from files, variables and flags. test_cli.py has the error messages."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from vtep.config.load import from_arguments, load
from vtep.config.model import Config, OverlayConfig, UnderlayConfig, default
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


def test_the_shortest_command_line_is_one_overlay_with_every_default() -> None:
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
        keep_warm=True,
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
    keep_warm=False,
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
    "keep_warm": ["no"],
    "control": ["/run/vtep/a.sock"],
    "web": ["[::]:8789"],
    "web_remote": ["yes"],
    "metrics": ["10.0.1.4:9478"],
}


def test_flags_variables_and_a_file_give_the_same_config(tmp_path: Path) -> None:
    path = in_file(
        tmp_path,
        """
        ready-fd = 3
        verbose = 2
        log-format = "json"
        offload = ["vnet", "gro"]
        keep-warm = false
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
    left_out = {option.dest for option in OPTIONS} - EVERY_TEXT.keys() - {"verbose"}
    assert left_out == {"bridge", "config"}  # they exclude docker-network, and everything else


def test_a_flag_overrides_a_variable_and_an_empty_variable_counts_as_unset() -> None:
    environ = {"VTEP_PORT": "8472", "VTEP_AGEING": "60", "VTEP_BRIDGE": ""}
    config = from_arguments(given(**LEAST, port=["4790"]), environ)
    assert config.underlay.port == 4790
    assert config.overlays[0].ageing == 60
    assert config.overlays[0].bridge is None


def test_a_variable_overrides_the_file_for_the_process_only(
    tmp_path: Path,
) -> None:
    path = in_file(
        tmp_path,
        'log-format = "text"\nverbose = 1\n[[overlay]]\nvni = 1\ntap = "a"\npeers = ["h"]\n',
    )
    environ = {"VTEP_LOG_FORMAT": "json", "VTEP_VNI": "7", "VTEP_PORT": "not a number"}
    config = from_arguments(given(config=[str(path)], ready_fd=["5"]), environ)
    assert (config.log_format, config.verbose, config.ready_fd) == ("json", 1, 5)
    assert config.overlays[0].vni == 1
    assert config.underlay.port == 4789


def test_a_variable_may_name_the_file_and_flags_override_it(tmp_path: Path) -> None:
    path = in_file(tmp_path, '[[overlay]]\nvni = 1\ntap = "a"\naccept-any = true\n')
    environ = {"VTEP_CONFIG": str(path)}
    assert from_arguments(given(), environ).overlays[0].vni == 1
    assert from_arguments(given(**LEAST), environ).overlays[0].vni == 100


def test_a_peer_given_twice_is_one_peer() -> None:
    flags = {**LEAST, "peer": ["10.0.1.41,h2", "h2", "10.0.1.41"]}
    assert from_arguments(given(**flags), {}).overlays[0].peers == ("10.0.1.41", "h2")


@pytest.mark.parametrize("word", ["strip", "pass"])
def test_vlan_also_selects_the_mode_for_tags(word: str, tmp_path: Path) -> None:
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
def test_the_limits_of_a_range_are_valid(edge: dict[str, list[str]]) -> None:
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


def test_a_trunk_may_carry_vlans_and_one_untagged_overlay() -> None:
    overlays = tuple(
        OverlayConfig(vni=vni, tap="trunk0", peers=("h",), bridge="br0", vlan=vlan)
        for vni, vlan in ((1, 10), (2, 20), (3, None))
    )
    assert Config(UnderlayConfig(), overlays).overlays == overlays


def test_a_config_from_code_is_checked_too() -> None:
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
    # The option vlan also sets `tags`; the two others are tables of the file, not options.
    wanted -= {("overlay", "tags"), ("process", "underlay"), ("process", "overlays")}
    table = {(option.table, option.field) for option in OPTIONS if option.table != "command"}
    assert table == wanted


def test_options_md_lists_every_option() -> None:
    documented: list[list[str]] = []
    group = ""
    for line in (DOCS / "options.md").read_text().splitlines():
        group = line.removeprefix("## ") if line.startswith("## ") else group
        if line.startswith("| `"):
            cells = line.replace(r"\|", "/").strip("|").split("|")
            flags, key, variable, unset, _ = (cell.strip().replace("`", "") for cell in cells)
            documented.append([group, flags, key, variable, unset])
    table: list[list[str]] = []
    for option in sorted(OPTIONS, key=lambda option: GROUPS.index(option.group)):
        names = [option.flag, *option.aliases]
        if option.kind is BOOLEAN:
            names.append(f"--no-{option.key}")
        names.sort(key=lambda name: name.startswith("--"))
        flags = ", ".join(f"{name} {option.metavar.replace('|', '/')}".strip() for name in names)
        row = [option.group, flags, option.key, option.variable, default(option)]
        table.append(row)
    assert documented == table
