"""The curves of `scaling` on small tables."""

import pytest
from rich.progress import Progress

from bench.scaling import endpoint
from bench.scaling.flows import run_frames
from bench.scaling.load import Table, frame, octets_per_entry, sizes
from bench.scaling.run import ROUNDS, run


def test_a_table_is_filled_and_its_frames_are_forwarded() -> None:
    table = Table(2, 3, 50)
    assert [len(overlay.fdb) for overlay in table.overlays] == [50, 50]
    assert table.encapsulate() > 0
    assert table.decapsulate() > 0
    batch = endpoint.BATCH
    assert sum(overlay.traffic.tx_frames for overlay in table.overlays) == batch
    assert sum(overlay.traffic.rx_frames for overlay in table.overlays) == batch
    assert not any(overlay.flooded.total() for overlay in table.overlays)
    assert not table.endpoint.drops()


def test_flooded_frames_are_counted_as_such() -> None:
    table = Table(1, 7, 7)
    table.encapsulate(flood=True)
    assert len(table.overlays[0].peers) == 7
    assert table.overlays[0].flooded.total() == endpoint.BATCH


def test_the_endpoint_knows_where_each_mac_is() -> None:
    [overlay] = endpoint.Endpoint(1, 2).overlays
    endpoint.fill(overlay, map(endpoint.mac, range(4)))
    entries = [overlay.fdb.lookup(endpoint.mac(number), 1.0) for number in range(4)]
    names = [entry.destination.name for entry in entries if entry is not None]
    assert names == ["10.1.0.0", "10.1.0.1"] * 2
    assert len(frame(endpoint.BROADCAST, endpoint.OWN_MAC)) == 14 + 20 + 8 + 64


def test_an_entry_takes_some_memory() -> None:
    assert 20 < octets_per_entry(1000) < 1000


@pytest.mark.parametrize("flows", [None, 3])
def test_gso_frames_leave_in_segments_and_arrive_merged(flows: int | None) -> None:
    out = run_frames("encapsulate", 40, flows)
    assert not out.drops()
    assert out.overlays[0].traffic.tx_frames > 40
    in_ = run_frames("decapsulate", 40, flows)
    assert not in_.drops()
    assert in_.overlays[0].traffic.rx_frames >= 3 * 40
    assert in_.merged == 40


def test_sizes_grow_by_a_factor_and_end_where_they_should() -> None:
    assert list(sizes(1_000_000, 16, 16)) == [16, 256, 4096, 65_536, 1_000_000]
    assert list(sizes(1000, 1, 10)) == [1, 10, 100, 1000]
    assert list(sizes(5, 10, 10)) == [5]


def test_every_curve_has_all_its_rounds() -> None:
    with Progress(disable=True) as progress:
        curves = run(progress, most=64, most_frames=2000)
    assert [len(curve.points) for curve in curves] == [2, 2, 1, 3, 1, 2, 2]
    memory = (curves[2], *curves[5:])
    for curve in curves:
        for _, costs in curve.points:
            for figures in costs.values():
                assert len(figures) == (1 if curve in memory else ROUNDS)
                assert all(figure and figure > 0 for figure in figures)
