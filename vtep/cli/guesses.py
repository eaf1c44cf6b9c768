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
