"""Bounds on the work and memory that clients of the control API can take from a daemon."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one control service.

    Attributes:
        connections: open at a time, for each listener.
        request_octets: of one connection, which carries one request.
        request_timeout_s: lifetime of a connection, except while it streams a response.
        write_timeout_s: time for a client to read one part of a response.
        capture_write_timeout_s: the same for a capture, whose reader may pause to look.
        capture_queue_octets: of a capture that wait for its reader.
        sample_queue: frames of the sample that wait for a reader.
        event_queue: events that wait for a subscriber.
        walks: clients that wait for a walk.
    """

    connections: int = 32
    request_octets: int = 16_384
    request_timeout_s: float = 30.0
    write_timeout_s: float = 10.0
    capture_write_timeout_s: float = 60.0
    capture_queue_octets: int = 4 << 20
    sample_queue: int = 64
    event_queue: int = 1024
    walks: int = 4
