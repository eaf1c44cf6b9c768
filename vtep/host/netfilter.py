"""The forward policy: which chains of nftables may keep a packet from being forwarded.

That includes what iptables wrote, where it is the one that stands on nftables (iptables-nft, as on
all current distributions; the older iptables-legacy is not seen). A packet must be accepted by
every chain on the forward hook, so one rule is put at the head of each.

pyroute2 drives an event loop of its own: never use this while uvloop runs.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pyroute2 import NetlinkError
from pyroute2.nftables.expressions import genex, verdict
from pyroute2.nftables.main import NFTables

_INET, _IPV4, _IPV6 = 1, 2, 10
_WORDS = {_INET: "inet", _IPV4: "ip", _IPV6: "ip6"}
"""linux/netfilter.h, and the words of nft(8)."""

_FORWARD = 2
_DROP, _ACCEPT = 0, 1
_IIFNAME = 6


@dataclass(frozen=True, slots=True)
class ForwardChain:
    """A chain on the forward hook that does not accept all that comes.

    Attributes:
        refuses: its policy is to drop what none of its rules accepts.
    """

    family: int
    table: str
    name: str
    refuses: bool

    def __str__(self) -> str:
        """Name it as nft(8) does."""
        return f"{_WORDS[self.family]} {self.table} {self.name}"


def forward_chains(is_ipv6: bool, device: str) -> list[ForwardChain]:
    """Return the chains that may refuse what comes in by *device* and is to be forwarded.

    Not those in whose table a rule names the device: somebody has thought of it.

    Args:
        is_ipv6: for IPv6, else IPv4.
        device: name of the device.
    """
    return [
        chain
        for family in (_IPV6 if is_ipv6 else _IPV4, _INET)
        for chain in _of_family(family, device)
    ]


def _of_family(family: int, device: str) -> Iterator[ForwardChain]:
    try:
        with closing(NFTables(nfgen_family=family)) as nft:
            found = [chain for chain in map(_chain, nft.get_chains()) if chain is not None]
            rules = nft.get_rules() if found else []
    except (NetlinkError, OSError):  # a kernel without nftables refuses nothing
        return
    naming = {rule.get_attr("NFTA_RULE_TABLE") for rule in rules if _names(rule, device)}
    for chain in found:
        if chain.table not in naming:
            yield chain


def _chain(message: Any) -> ForwardChain | None:
    """Return the chain, if it is on the forward hook and has a rule or a policy to refuse by."""
    hook = message.get_attr("NFTA_CHAIN_HOOK")
    if hook is None or hook.get_attr("NFTA_HOOK_HOOKNUM") != _FORWARD:
        return None
    refuses = message.get_attr("NFTA_CHAIN_POLICY") == _DROP
    if not refuses and not message.get_attr("NFTA_CHAIN_USE"):
        return None
    return ForwardChain(
        family=message["nfgen_family"],
        table=message.get_attr("NFTA_CHAIN_TABLE"),
        name=message.get_attr("NFTA_CHAIN_NAME"),
        refuses=refuses,
    )


def _names(rule: Any, device: str) -> bool:
    """Tell whether a rule compares something with the name of the device."""
    # Padded to the register's length, or to the end of the string: both are in use.
    name = device.encode()
    for expression in rule.get_attr("NFTA_RULE_EXPRESSIONS") or ():
        if expression.get_attr("NFTA_EXPR_NAME") == "cmp":
            data = expression.get_attr("NFTA_EXPR_DATA").get_attr("NFTA_CMP_DATA")
            value = data.get_attr("NFTA_DATA_VALUE") if data is not None else None
            if value is not None and bytes(value).rstrip(b"\0") == name:
                return True
    return False


def accept(chain: ForwardChain, device: str) -> None:
    """Put a rule at the head of *chain* that accepts all that comes in by *device*.

    Raises:
        OSError: it cannot be.
    """
    # Padded to the register's length, or to the end of the string: both are in use.
    name = device.encode()
    rule = [
        genex("meta", {"key": _IIFNAME, "dreg": 1}),
        genex("cmp", {"sreg": 1, "op": 0, "data": {"attrs": [("NFTA_DATA_VALUE", name)]}}),
        # As iptables writes its own, so that it can list this one too.
        genex("counter", {"bytes": 0, "packets": 0}),
    ]
    try:
        with closing(NFTables(nfgen_family=chain.family)) as nft:
            expressions = (rule, verdict(code=_ACCEPT))
            nft.rule("insert", table=chain.table, chain=chain.name, expressions=expressions)
    except NetlinkError as error:
        raise OSError(error.code, str(error)) from error


def unaccept(chain: ForwardChain, device: str) -> None:
    """Take the rules that name *device* out of *chain*; harmless where there is none.

    Raises:
        OSError: it cannot be.
    """
    try:
        with closing(NFTables(nfgen_family=chain.family)) as nft:
            for rule in nft.get_rules():
                where = rule.get_attr("NFTA_RULE_TABLE"), rule.get_attr("NFTA_RULE_CHAIN")
                if where == (chain.table, chain.name) and _names(rule, device):
                    handle = rule.get_attr("NFTA_RULE_HANDLE")
                    nft.rule("del", table=chain.table, chain=chain.name, handle=handle)
    except NetlinkError as error:
        raise OSError(error.code, str(error)) from error
