"""A VXLAN tunnel endpoint (RFC 7348) in userspace: frames in from a TAP, datagrams out over UDP."""

__version__ = "0.1.0"
