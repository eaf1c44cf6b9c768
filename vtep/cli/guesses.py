"""Words that users of ip, bridge and docker try here: what each means, or what to do instead."""

_FIXED = "not supported yet: the peers of a running vtep are fixed; "
_LEARNED = "not supported yet: a running vtep learns its FDB from frames only; "
_MORE_PEERS = _FIXED + "restart it with one more --peer"
_FEWER_PEERS = _FIXED + "restart it without this --peer"
_ADD = _LEARNED + "for an entry of the flood list restart it with one more --peer"
_REMOVE = _LEARNED + "wait until the entry expires (--ageing), or restart it"

PEER_ACTIONS = {
    "add": _MORE_PEERS,
    "append": _MORE_PEERS,
    "replace": _MORE_PEERS,
    "set": _MORE_PEERS,
    "del": _FEWER_PEERS,
    "delete": _FEWER_PEERS,
    "remove": _FEWER_PEERS,
    "flush": _FEWER_PEERS,
}
"""Actions of `vtep peer` that are refused, and the rest of the error for each."""

FDB_ACTIONS = {
    "add": _ADD,
    "append": _ADD,
    "replace": _ADD,
    "change": _ADD,
    "set": _ADD,
    "del": _REMOVE,
    "delete": _REMOVE,
    "remove": _REMOVE,
    "flush": _REMOVE,
}
"""Actions of `vtep fdb` that are refused, and the rest of the error for each."""

_SHOW = ("show", "list", "lst", "ls")
"""The words of iproute2 for showing."""

SYNONYMS = dict.fromkeys((*_SHOW[1:], "link"), "show")
"""Words of iproute2 for our commands."""

ABBREVIATED = ("show", "fdb", "peer", "monitor", *SYNONYMS)
"""Commands of which the beginning is enough, as for the objects of iproute2."""

_RUN = "not a command: the options alone run the daemon; write vtep --tap vx0 --vni 100 --peer HOST"
_STOP = "not a command: vtep ends on SIGTERM; use Ctrl-C, kill or your service manager"
_RESTART = "not a command: vtep reads its options at start only; stop it and start it again"
_STATUS = "not a command; write vtep show -s, vtep peer or vtep top"
_CHANGE = "not a command: a running vtep cannot be changed yet; restart it with other options"

NOT_COMMANDS = {
    "run": _RUN,
    "start": _RUN,
    "up": _RUN,
    "daemon": _RUN,
    "serve": _RUN,
    "stop": _STOP,
    "down": _STOP,
    "kill": _STOP,
    "reload": _RESTART,
    "restart": _RESTART,
    "status": _STATUS,
    "stats": _STATUS,
    "statistics": _STATUS,
    "ps": _STATUS,
    "info": _STATUS,
    "add": "not a command: the options create the TAP; write vtep --tap vx0 --vni 100 --peer HOST",
    "append": _CHANGE,
    "replace": _CHANGE,
    "set": _CHANGE,
    "del": _CHANGE,
    "delete": _CHANGE,
    "change": _CHANGE,
    "flush": _CHANGE,
    "logs": "not a command: vtep logs to stderr; see your service manager, or vtep monitor",
    "log": "not a command: vtep logs to stderr; see your service manager, or vtep monitor",
    "drops": "not a command; write vtep show -s, or vtep monitor drops",
    "events": "not a command; write vtep monitor",
    "neigh": "not a command: vtep has no ARP table; write vtep fdb",
    "ip": "not a command; write vtep show, or vtep peer",
    "bridge": "not a command; write vtep fdb show, or --bridge BRIDGE",
    "vxlan": "not a command; write vtep show",
    "shell": "not a command; write vtep lab",
}
"""Words that users try, and the rest of the error for each."""

OBJECTS = {
    "peer": "write vtep peer show",
    "peers": "write vtep peer show",
    "fdb": "write vtep fdb show",
    "all": "remove it, vtep show shows all overlays",
}
"""Words after `vtep show` that are unlikely to be a TAP, and the remedy for each."""


def means_show(word: str) -> bool:
    """Whether an action means to show; the beginning of a word is enough, as in iproute2."""
    return any(one.startswith(word) for one in _SHOW)
