"""Constants of the Linux kernel that the standard library lacks, and small queries."""

import fcntl
import os
import socket
import struct
from typing import TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview

# linux/if_tun.h
TUNSETOFFLOAD = 0x400454D0
TUNSETVNETHDRSZ = 0x400454D8
TUN_F_CSUM = 0x01
TUN_F_TSO4 = 0x02
TUN_F_TSO6 = 0x04
TUN_F_USO4 = 0x20
TUN_F_USO6 = 0x40
TUN_F_UDP_TUNNEL_GSO = 0x80

# linux/in.h, linux/in6.h, linux/udp.h
IP_MTU_DISCOVER = 10
IP_PMTUDISC_DO = 2
IP_MTU = 14
IPV6_MTU_DISCOVER = 23
IPV6_PMTUDISC_DO = 2
IPV6_MTU = 24
IPV6_DONTFRAG = 62
UDP_NO_CHECK6_RX = 102
UDP_SEGMENT = 103
UDP_GRO = 104

# asm-generic/socket.h, linux/sock_diag.h, linux/bpf_common.h
SO_ATTACH_FILTER = 26
BPF_RET = 0x06
SO_SNDBUFFORCE = 32
SO_RCVBUFFORCE = 33
SO_MEMINFO = 55
SK_MEMINFO = struct.Struct("=9I")
SK_MEMINFO_DROPS = 8

# linux/if.h, linux/sockios.h, linux/rtnetlink.h
IFF_UP = 0x1
IFF_RUNNING = 0x40
SIOCGSKNS = 0x894C
RTN_LOCAL = 2
RTN_BROADCAST = 3
SCOPE_HOST = 254


def ifindex(name: str) -> int:
    """Return the index of device *name*, or 0 if it does not exist."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0


def own_netns() -> int | None:
    """Return the inode of our network namespace; None if the kernel does not tell it.

    /proc/self is missing if /proc belongs to another PID namespace (nsenter -m without -p). Then a
    socket tells its namespace, but only to a process with CAP_NET_ADMIN.
    """
    try:
        return os.stat("/proc/self/ns/net").st_ino
    except OSError:
        pass
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
            namespace = fcntl.ioctl(query, SIOCGSKNS)
    except OSError:
        return None
    try:
        return os.stat(namespace).st_ino
    finally:
        os.close(namespace)
