"""Options of `ip link add ... type vxlan` and of other daemons that vtep does not have.

A row is deleted when its option is implemented.
"""

_BACKGROUND = (
    "not supported: vtep stays in the foreground; run it as a service, or with nohup and &"
)
_EXTERNAL = "not supported: each overlay has one VNI; list the overlays in a --config file"
_CHECKSUM = "not supported: the kernel merges only datagrams that have a UDP checksum; remove it"
_REMOTE_CHECKSUM = "not supported: vtep has no remote checksum offload; remove it"
_ARP = "not supported: ARP and ND are flooded; remove it"
_MISSES = "not supported: vtep sends no netlink messages; watch vtep monitor flooded"
_DEFAULT = "not needed: vtep always behaves so; remove it"
_CHECKED = "not supported: a checksum of zero is always accepted (RFC 7348 section 5); remove it"
_FORMAT = "not supported: vtep speaks the VXLAN of RFC 7348 only; remove it"

UNSUPPORTED = {
    "group": "not supported: vtep does not use multicast; give each remote VTEP with --peer",
    "ttl": "not supported: packets get the TTL of the host; set the sysctl net.ipv4.ip_default_ttl",
    "tos": "not supported: packets have TOS 0; mark them with a firewall rule",
    "df": "not supported: DF is always set, as a VTEP never fragments; remove it",
    "flowlabel": "not supported: the kernel chooses it; see the sysctl net.ipv6.auto_flowlabels",
    "learning": _DEFAULT,
    "nolearning": "not supported: vtep always learns, from its peers only; remove it",
    "proxy": _ARP,
    "noproxy": _DEFAULT,
    "rsc": "not supported: vtep does not route; remove it",
    "norsc": _DEFAULT,
    "l2miss": _MISSES,
    "nol2miss": _DEFAULT,
    "l3miss": _MISSES,
    "nol3miss": _DEFAULT,
    "udpcsum": _DEFAULT,
    "noudpcsum": _CHECKSUM,
    "udp6zerocsumtx": _CHECKSUM,
    "noudp6zerocsumtx": _DEFAULT,
    "udp6zerocsumrx": _DEFAULT,
    "noudp6zerocsumrx": _CHECKED,
    "remcsumtx": _REMOTE_CHECKSUM,
    "noremcsumtx": _DEFAULT,
    "remcsumrx": _REMOTE_CHECKSUM,
    "noremcsumrx": _DEFAULT,
    "external": _EXTERNAL,
    "noexternal": _DEFAULT,
    "vnifilter": _EXTERNAL,
    "novnifilter": _DEFAULT,
    "gbp": _FORMAT,
    "gpe": _FORMAT,
    "localbypass": "not supported: vtep always sends to the peer; remove it",
    "nolocalbypass": _DEFAULT,
    "daemon": _BACKGROUND,
    "background": _BACKGROUND,
    "detach": _BACKGROUND,
    "fork": _BACKGROUND,
    "foreground": _DEFAULT,
}
"""The name without dashes, and the rest of the error."""
