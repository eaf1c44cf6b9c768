"""Drop reasons: each has a name, a meaning, and a line in the docs."""

import json
from pathlib import Path

from vtep.dataplane.counters import Drop, Traffic

DESIGN = Path(__file__).parents[2] / "docs" / "design.md"


def test_a_reason_serializes_as_its_name_and_has_a_meaning() -> None:
    assert json.dumps({Drop.SHORT: 1}) == '{"short": 1}'
    assert Drop.SHORT.meaning == "the datagram is shorter than the VXLAN header"


def test_the_docs_list_every_reason_with_the_meaning_in_the_log() -> None:
    section = DESIGN.read_text().split("## Drops")[1].split("##")[0]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    documented = {name.strip(" `"): meaning.strip() for name, meaning in rows}
    assert documented == {str(reason): reason.meaning for reason in Drop}


def test_traffic_starts_at_zero() -> None:
    assert Traffic().as_dict() == dict.fromkeys(
        ("tx_frames", "tx_bytes", "rx_frames", "rx_bytes"), 0
    )
