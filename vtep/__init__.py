"""A VXLAN tunnel endpoint (RFC 7348) in userspace: frames in from a TAP, datagrams out over UDP.

In Python, with numpy for the bulk path; without C code of its own or a kernel module.
"""

__version__ = "0.1.0"
