"""The running process: start, signals, housekeeping and end, on uvloop."""

import asyncio
import gc
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Protocol

import uvloop

from vtep import log
from vtep.config.model import Config
from vtep.daemon.forwarder import Forwarder
from vtep.daemon.setup import Runtime, bring_up
from vtep.dataplane import report
from vtep.dataplane.counters import Drop
from vtep.errors import HostError
from vtep.host import linux, notify, procfs
from vtep.host.tap import Tap
from vtep.host.underlay import Underlay

HOUSEKEEPING_S = 1.0
_STDERR = 2
_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1}
REPORT_EVERY_S = 60.0
"""How often a reason for drops that was named before is named again; with -v, the counters."""


class Service(Protocol):
    """What runs beside the forwarding, on its loop."""

    def serve(
        self, config: Config, runtime: Runtime, forwarder: Forwarder
    ) -> AbstractAsyncContextManager[None]:
        """Run for the length of the block, which is that of the forwarding."""
        ...


def run(config: Config, service: Service) -> int:
    """Run the VTEP of *config* until SIGINT, SIGTERM or SIGHUP; return the exit code.

    It is 0, or 1 when a device was taken away while in use.  Signals wait while devices are set up
    and while all is undone, so that neither is cut short.

    Raises:
        HostError: it could not be set up; nothing is left behind.
    """
    log.setup(logging.DEBUG if config.verbose else logging.INFO, config.log_format)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    with bring_up(config) as runtime:
        _tame_collector()
        try:
            uvloop.run(_serve(config, runtime, service))
        except HostError as error:
            log.error(str(error))
            return 1
        finally:
            tree = report.counters(runtime.vtep)
            log.info("stopped", report.counters_text(tree), counters=tree)
    return 0


def _tame_collector() -> None:
    """Leave the garbage collector only what is new: forwarding makes no cycles.

    A full collection would look at every entry of the FDB, and stop the forwarding meanwhile.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 1_000, 1_000)


def settle_descriptors(ready_fd: int | None) -> None:
    """See to the descriptors we were given, before any is opened.

    For each of 0..2 that is closed /dev/null is opened: nothing else is to get that number.

    Raises:
        HostError: *ready_fd* is not open.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(fd)
    notify.check(ready_fd)


async def _serve(config: Config, runtime: Runtime, service: Service) -> None:
    """Forward until a signal comes.

    Raises:
        HostError: a device was taken away.
    """
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[None] = loop.create_future()
    for number in _stop_signals():
        loop.add_signal_handler(number, _settle, stopped)
    loop.add_signal_handler(signal.SIGUSR1, _log_state, runtime)
    loop.set_exception_handler(partial(_on_exception, stopped))
    forwarder = Forwarder(runtime, keep_warm=config.keep_warm)
    forwarder.start(loop)
    housekeeping = loop.create_task(_keep_house(runtime))
    housekeeping.add_done_callback(partial(_on_housekeeping_end, stopped))
    _log_start(runtime)
    try:
        async with service.serve(config, runtime, forwarder):
            log.info("ready")
            notify.ready(config.ready_fd)
            notify.sd_notify("READY=1")
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            try:
                await stopped
            finally:
                signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
                notify.sd_notify("STOPPING=1")
    finally:
        housekeeping.cancel()
        forwarder.stop(loop)
        _count_losses(runtime)


def _stop_signals() -> list[signal.Signals]:
    """Return the signals that end us; a SIGHUP that nohup has set to be ignored stays so."""
    hangup = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hangup]


def _settle(stopped: asyncio.Future[None], error: BaseException | None = None) -> None:
    if stopped.done():
        return
    if error is None:
        stopped.set_result(None)
    else:
        stopped.set_exception(error)


def _on_exception(
    stopped: asyncio.Future[None], loop: asyncio.AbstractEventLoop, context: dict[str, Any]
) -> None:
    """Stop when a device is gone; anything else that a callback raised is a bug of ours."""
    exception = context.get("exception")
    if isinstance(exception, HostError):
        _settle(stopped, exception)
    else:
        loop.default_exception_handler(context)


def _on_housekeeping_end(stopped: asyncio.Future[None], task: asyncio.Task[None]) -> None:
    """Stop when housekeeping found a device gone, or failed: nothing would age any more."""
    if not task.cancelled():
        _settle(stopped, task.exception())


async def _keep_house(runtime: Runtime) -> None:
    """Once a second: forget what aged, and say in the log what was dropped."""
    say_drops = _drop_reporter(runtime)
    report_at = time.monotonic() + REPORT_EVERY_S
    while True:
        await asyncio.sleep(HOUSEKEEPING_S)
        now = time.monotonic()
        runtime.vtep.expire(now)
        if runtime.uplink is not None:
            runtime.uplink.resolve_peers()
        _check_devices(runtime)
        _count_losses(runtime)
        say_drops(now)
        if now >= report_at:
            report_at = now + REPORT_EVERY_S
            log.debug("counters", report.counters_text(report.counters(runtime.vtep)))


def _check_devices(runtime: Runtime) -> None:
    for name, index in runtime.watched.items():
        if linux.ifindex(name) != index:
            raise HostError(f"device {name} was removed while in use")


def _count_losses(runtime: Runtime) -> None:
    """Count what the kernel dropped before we could read it."""
    drops = runtime.vtep.drops
    drops[Drop.RECEIVE_FULL] = runtime.underlay.overflows()
    if runtime.uplink is not None:
        too_large, refused = runtime.uplink.poll_drops()
        drops += Counter({Drop.UNDERLAY_MTU: too_large, Drop.NOT_FORWARDED: refused})
    now = procfs.tx_dropped({port.name for port in runtime.taps})
    for port, tap in runtime.taps.items():
        lost = now.get(port.name, 0) - tap.dropped_before - port.drops[Drop.TAP_OVERRUN]
        port.drops += Counter({Drop.TAP_OVERRUN: lost})


def _drop_reporter(runtime: Runtime) -> Callable[[float], None]:
    """Return a function that warns of new drops: a new reason at once, then once a minute."""
    said: report.Drops = {}
    due_at = 0.0

    def say(now: float) -> None:
        nonlocal said, due_at
        total = report.drops(runtime.vtep)
        news = {key: count - said.get(key, 0) for key, count in total.items()}
        news = {key: count for key, count in news.items() if count > 0}
        if not news or (now < due_at and news.keys() <= said.keys()):
            return
        for (place, reason), count in news.items():
            log.warning(
                f"{place}: dropped {count}: {reason.meaning}",
                place=place,
                reason=reason,
                count=count,
            )
        said, due_at = total, now + REPORT_EVERY_S

    return say


def _log_start(runtime: Runtime) -> None:
    for overlay in runtime.vtep.overlays.values():
        peers = list(overlay.peers)
        bridge = runtime.bridges.get(overlay.port)
        log.info(
            f"tap {overlay.port.name} vni {overlay.vni}"
            + (f" vlan {overlay.vlan}" if overlay.vlan is not None else "")
            + f" local {runtime.local} dstport {runtime.vtep.port}"
            + f" peers {','.join(peers) or 'any'} mtu {overlay.mtu}"
            + (f" bridge {bridge}" if bridge else ""),
            tap=overlay.port.name,
            vni=overlay.vni,
            vlan=overlay.vlan,
            local=runtime.local,
            dstport=runtime.vtep.port,
            peers=peers,
            mtu=overlay.mtu,
            bridge=bridge,
        )
    log.debug(f"underlay mtu {runtime.underlay_mtu}")
    _log_offloads(next(iter(runtime.taps.values())), runtime.underlay)


def _log_offloads(tap: Tap, underlay: Underlay) -> None:
    """Say what the kernel does for us, and what is done where it does not; all TAPs are alike."""
    does = {"tso4": linux.TUN_F_TSO4, "tso6": linux.TUN_F_TSO6, "uso": linux.TUN_F_USO4}
    found = [name for name, bit in does.items() if tap.offloads & bit]
    if not tap.vnet_header:
        said = ["tap without virtio headers (each frame finished and alone)"]
    else:
        said = [" ".join(["tap", *(found or ["checksums"])])]
        if "tso4" not in found:
            said.append("no tap tso (the kernel cuts TCP before we read it)")
        if "uso" not in found:
            said.append("no tap uso (UDP is cut before the TAP, on either side)")
    said.append(
        f"udp segment {underlay.segments}"
        if underlay.segments > 1
        else "no udp segment (each datagram is sent alone)"
    )
    said.append("udp gro" if underlay.merges else "no udp gro (each datagram is received alone)")
    log.info(
        f"offloads: {', '.join(said)}",
        tap_vnet=tap.vnet_header,
        tap_offloads=found,
        udp_segment=underlay.segments,
        udp_gro=underlay.merges,
    )


def _log_state(runtime: Runtime) -> None:
    """SIGUSR1: counters and FDB into the log."""
    tree = report.counters(runtime.vtep)
    log.info("counters", report.counters_text(tree), counters=tree)
    entries = report.fdb(runtime.vtep, time.monotonic())
    log.info("fdb", report.fdb_text(entries), fdb=entries)
