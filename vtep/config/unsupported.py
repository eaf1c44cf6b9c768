"""Options of `ip link add ... type vxlan`, iproute2 and other daemons that vtep does not have.

A row is deleted when its option is implemented.
"""

from collections.abc import Iterator, Mapping

_BACKGROUND = (
    "not supported: vtep stays in the foreground; run it as a service, or with nohup and &"
)
_EXTERNAL = "not supported: each overlay has one VNI; list the overlays in a --config file"
_CHECKSUM = "not supported: the kernel merges only datagrams that have a UDP checksum; remove it"
_REMOTE_CHECKSUM = "not supported: vtep has no remote checksum offload; remove it"
_ARP = "not supported: vtep does not answer ARP or ND requests for other hosts; remove it"
_DEFAULT = "not needed: vtep always behaves so; remove it"
_CHECKED = "not supported: a checksum of zero is always accepted (RFC 7348 section 5); remove it"
_FORMAT = "not supported: vtep speaks the VXLAN of RFC 7348 only; remove it"

UNSUPPORTED = {
    "group": "not supported: vtep does not use multicast; give each remote VTEP with --peer",
    "ttl": (
        "not supported: packets get the TTL of the host; "
        "set the sysctl net.ipv4.ip_default_ttl, or net.ipv6.conf.DEVICE.hop_limit"
    ),
    "tos": "not supported: packets have TOS 0; mark them with a firewall rule",
    "df": "not supported: vtep always sets DF, so that routers report a smaller MTU; remove it",
    "flowlabel": (
        "not supported: the kernel chooses it (0 with --uplink inject); "
        "see the sysctl net.ipv6.auto_flowlabels"
    ),
    "learning": _DEFAULT,
    "nolearning": "not supported: vtep always learns from frames; remove it",
    "proxy": _ARP,
    "noproxy": _DEFAULT,
    "rsc": "not supported: vtep does not route; remove it",
    "norsc": _DEFAULT,
    "l2miss": "not supported: vtep sends no netlink notifications; watch vtep monitor flooded",
    "nol2miss": _DEFAULT,
    "l3miss": "not supported: vtep has no ARP table; remove it",
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
    "localbypass": "not supported: vtep always sends datagrams, even to its own host; remove it",
    "nolocalbypass": _DEFAULT,
    "daemon": _BACKGROUND,
    "background": _BACKGROUND,
    "detach": _BACKGROUND,
    "fork": _BACKGROUND,
    "foreground": _DEFAULT,
}
"""The name without dashes, and the rest of the error; these are words of `ip link`, too."""

_FAMILY = "not supported: a vtep uses the IP version of its peers; remove it"
_UNITS = "not supported: vtep prints exact numbers; remove it"
_ONLY_MONITOR = "only vtep monitor has it; remove it"


def _expanded(rows: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each spelling of `-n[etns]`: -n, -ne, -net, and so on."""
    for name, why in rows.items():
        start, _, rest = name.rstrip("]").partition("[")
        for end in range(len(rest) + 1):
            yield start + rest[:end], why


IPROUTE2 = dict(
    _expanded(
        {
            "-4": _FAMILY,
            "-6": _FAMILY,
            "-0": _FAMILY,
            "-B": _FAMILY,
            "-M": _FAMILY,
            "-f[amily]": _FAMILY,
            "-b[atch]": "not supported: vtep runs one command; write a shell script",
            "-br[ief]": "not supported; use -o, which prints each record on one line",
            "-force": "not supported: it belongs to -batch; remove it",
            "-hu[man-readable]": _UNITS,
            "-iec": _UNITS,
            "-l[oops]": "not supported: vtep has no flush command; remove it",
            "-n[etns]": "not supported; run ip netns exec NS vtep ...",
            "-N[umeric]": "not needed: vtep always prints numbers; remove it",
            "-rc[vbuf]": "not needed: commands use no netlink socket; remove it",
            "-r[esolve]": "not supported: vtep always prints addresses; remove it",
        }
    )
)
"""Options before the objects of ip and bridge, with one dash, and the rest of the error."""

IPROUTE2_MONITOR = dict(
    _expanded({"-a[ll]": _ONLY_MONITOR, "-t[imestamp]": _ONLY_MONITOR, "-ts[hort]": _ONLY_MONITOR})
)
"""Options that only `vtep monitor` has, and the rest of the error of other commands."""
