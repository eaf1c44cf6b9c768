"""Settings of the machine in the results, and the time stolen from it."""

from bench.conditions import features, processor_times, stolen_percent, sysctls


def test_offloads_are_read_whether_fixed_or_not() -> None:
    text = "Features for eth0:\nrx-checksumming: on\n\ttx-udp-segmentation: off [fixed]\nloop: on\n"
    assert features(text) == {"rx-checksumming": "on", "tx-udp-segmentation": "off"}


def test_sysctls_are_read_as_sysctl_prints_them_and_unknown_ones_are_left_out() -> None:
    found = sysctls(["net.ipv4.tcp_rmem", "net.core.no_such_name"])
    assert list(found) == ["net.ipv4.tcp_rmem"]
    assert [word.isdigit() for word in found["net.ipv4.tcp_rmem"].split(" ")] == [True] * 3


def test_stolen_time_is_a_share_of_all_time() -> None:
    assert stolen_percent((0,) * 8, (10, 0, 20, 40, 5, 0, 0, 25)) == 25.0
    assert stolen_percent((1,) * 8, (1,) * 8) == 0.0
    now = processor_times()
    assert len(now) == 8
    assert 0 <= stolen_percent((0,) * 8, now) < 100
