"""The Linux kernel: TAP devices, UDP sockets, netlink, Docker.  Knows nothing of VXLAN."""
