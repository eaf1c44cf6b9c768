"""Interfaces to the host: TAP devices, UDP sockets, netlink, Docker. Independent of VXLAN."""
