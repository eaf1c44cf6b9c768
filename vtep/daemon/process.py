"""Run the VTEP on uvloop: start, signals, housekeeping and stop."""

import asyncio
import gc
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
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
"""Seconds between two log lines about the same reason for drops, or, with -v, the counters."""


class Service(Protocol):
    """A service on the loop of the forwarder, such as the control API."""

    def serve(
        self, config: Config, runtime: Runtime, forwarder: Forwarder
    ) -> AbstractAsyncContextManager[None]:
        """Serve while the block runs, which is as long as frames are forwarded."""
        ...


def run(config: Config, service: Service, warnings: Iterable[str] = ()) -> int:
    """Run the VTEP of *config* until SIGINT, SIGTERM or SIGHUP; return the exit code.

    The exit code is 0, or 1 if a device was deleted while in use. Signals are blocked while devices
    are set up and while changes are reverted, so neither is interrupted. The
    *warnings* are logged first.

    Raises:
        HostError: a device could not be set up; all changes are reverted.
    """
    log.setup(logging.DEBUG if config.verbose else logging.INFO, config.log_format)
    for line in warnings:
        log.warning(line)
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
    """Exclude existing objects from garbage collection, and collect rarely.

    Forwarding creates no reference cycles. A full collection would visit every FDB entry and stop
    the forwarding meanwhile.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 1_000, 1_000)


def reserve_stdio(ready_fd: int | None) -> None:
    """Open /dev/null on each closed descriptor of 0..2, and check *ready_fd*.

    Call it before any descriptor is opened: otherwise a device could get the number of stdout.

    Raises:
        HostError: *ready_fd* is not open.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(fd)
    notify.check(ready_fd)


async def _serve(config: Config, runtime: Runtime, service: Service) -> None:
    """Forward until a stop signal arrives.

    Raises:
        HostError: a device was removed.
    """
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[None] = loop.create_future()
    for number in _stop_signals():
        loop.add_signal_handler(number, _set_result, stopped)
    loop.add_signal_handler(signal.SIGUSR1, _log_state, runtime)
    loop.set_exception_handler(partial(_on_exception, stopped))
    forwarder = Forwarder(runtime, keep_warm=config.keep_warm)
    forwarder.start(loop)
    housekeeping = loop.create_task(_housekeeping(runtime))
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
    """Return the signals that stop the process; without SIGHUP if nohup has set it to ignored."""
    hangup = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hangup]


def _set_result(stopped: asyncio.Future[None], error: BaseException | None = None) -> None:
    """Set the result or the exception of *stopped*; do nothing if it has one."""
    if stopped.done():
        return
    if error is None:
        stopped.set_result(None)
    else:
        stopped.set_exception(error)


def _on_exception(
    stopped: asyncio.Future[None], loop: asyncio.AbstractEventLoop, context: dict[str, Any]
) -> None:
    """Stop on a HostError (a device was removed); log any other exception, which is a bug."""
    exception = context.get("exception")
    if isinstance(exception, HostError):
        _set_result(stopped, exception)
    else:
        loop.default_exception_handler(context)


def _on_housekeeping_end(stopped: asyncio.Future[None], task: asyncio.Task[None]) -> None:
    """Stop when housekeeping ends: a device was removed, or FDB entries would no longer age."""
    if not task.cancelled():
        _set_result(stopped, task.exception())


async def _housekeeping(runtime: Runtime) -> None:
    """Once a second: age FDB entries, check devices, count kernel drops and log new drops."""
    warn_of_drops = _drop_warner(runtime)
    report_at = time.monotonic() + REPORT_EVERY_S
    while True:
        await asyncio.sleep(HOUSEKEEPING_S)
        now = time.monotonic()
        runtime.vtep.expire(now)
        if runtime.uplink is not None:
            runtime.uplink.resolve_peers()
        _check_devices(runtime)
        _count_losses(runtime)
        warn_of_drops(now)
        if now >= report_at:
            report_at = now + REPORT_EVERY_S
            log.debug("counters", report.counters_text(report.counters(runtime.vtep)))


def _check_devices(runtime: Runtime) -> None:
    for name, index in runtime.watched.items():
        if linux.ifindex(name) != index:
            raise HostError(f"device {name}: deleted while in use; start vtep again")


def _count_losses(runtime: Runtime) -> None:
    """Count the frames and datagrams that the kernel dropped before they could be read."""
    drops = runtime.vtep.drops
    drops[Drop.RECEIVE_FULL] = runtime.underlay.overflows()
    if runtime.uplink is not None:
        too_large, refused = runtime.uplink.poll_drops()
        drops += Counter({Drop.UNDERLAY_MTU: too_large, Drop.NOT_FORWARDED: refused})
    now = procfs.tx_dropped({port.name for port in runtime.taps})
    for port, tap in runtime.taps.items():
        lost = now.get(port.name, 0) - tap.dropped_before - port.drops[Drop.TAP_OVERRUN]
        port.drops += Counter({Drop.TAP_OVERRUN: lost})


def _drop_warner(runtime: Runtime) -> Callable[[float], None]:
    """Return a function that logs new drops: a new reason immediately, others once a minute."""
    logged: report.Drops = {}
    due_at = 0.0

    def warn(now: float) -> None:
        nonlocal logged, due_at
        total = report.drops(runtime.vtep)
        new = {key: count - logged.get(key, 0) for key, count in total.items()}
        new = {key: count for key, count in new.items() if count > 0}
        if not new or (now < due_at and new.keys() <= logged.keys()):
            return
        for (place, reason), count in new.items():
            log.warning(
                f"{place}: dropped {count} {reason}: {reason.meaning}",
                place=place,
                reason=reason,
                count=count,
            )
        logged, due_at = total, now + REPORT_EVERY_S

    return warn


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
    for line in runtime.warnings:
        log.warning(line)
    log.debug(f"underlay mtu {runtime.underlay_mtu}")
    _log_offloads(next(iter(runtime.taps.values())), runtime.underlay)


def _log_offloads(tap: Tap, underlay: Underlay) -> None:
    """Log the kernel offloads in use and the effect of missing ones; all TAPs are alike."""
    bits = {"tso4": linux.TUN_F_TSO4, "tso6": linux.TUN_F_TSO6, "uso": linux.TUN_F_USO4}
    found = [name for name, bit in bits.items() if tap.offloads & bit]
    if not tap.vnet_header:
        parts = ["no tap vnet (no GSO frames, all checksums complete)"]
    else:
        parts = [" ".join(["tap", *(found or ["checksums"])])]
        if "tso4" not in found:
            parts.append("no tap tso (the kernel segments TCP before vtep reads it)")
        if "uso" not in found:
            parts.append("no tap uso (UDP is segmented before the TAP, in both directions)")
    parts.append(
        f"udp segment {underlay.segments}"
        if underlay.segments > 1
        else "no udp segment (datagrams are sent one by one)"
    )
    parts.append("udp gro" if underlay.merges else "no udp gro (datagrams are received one by one)")
    log.info(
        f"offloads: {', '.join(parts)}",
        tap_vnet=tap.vnet_header,
        tap_offloads=found,
        udp_segment=underlay.segments,
        udp_gro=underlay.merges,
    )


def _log_state(runtime: Runtime) -> None:
    """Log the counters and the FDB (on SIGUSR1)."""
    tree = report.counters(runtime.vtep)
    log.info("counters", report.counters_text(tree), counters=tree)
    entries = report.fdb(runtime.vtep, time.monotonic())
    log.info("fdb", report.fdb_text(entries), fdb=entries)
