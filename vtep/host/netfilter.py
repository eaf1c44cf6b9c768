"""Find the nftables chains that may drop forwarded packets, and add rules that accept ours.

This includes rules of iptables if it is based on nftables (iptables-nft, as on all current
distributions). Rules of the older iptables-legacy are not visible here. Every chain on the forward
hook must accept a packet, so each chain gets one rule at its head.

Never use this while uvloop runs: pyroute2 drives an event loop of its own.
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
"""Families of linux/netfilter.h, and their names in nft(8)."""

_FORWARD = 2
_DROP, _ACCEPT = 0, 1
_IIFNAME = 6


@dataclass(frozen=True, slots=True)
class ForwardChain:
    """A chain on the forward hook that may drop packets.

    Attributes:
        family: protocol family, a number of linux/netfilter.h.
        table: name of its table.
        name: its name.
        refuses: its policy drops packets that no rule accepts.
    """

    family: int
    table: str
    name: str
    refuses: bool

    def __str__(self) -> str:
        """Return family, table and name, as nft(8) writes them."""
        return f"{_WORDS[self.family]} {self.table} {self.name}"


def forward_chains(is_ipv6: bool, device: str) -> list[ForwardChain]:
    """Return the chains that may drop packets that arrive on *device* and should be forwarded.

    Tables with a rule that names the device are left out: their administrator has decided.

    Args:
        is_ipv6: check IPv6 forwarding, else IPv4.
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
    except (NetlinkError, OSError):  # a kernel without nftables drops nothing
        return
    naming = {rule.get_attr("NFTA_RULE_TABLE") for rule in rules if _names(rule, device)}
    for chain in found:
        if chain.table not in naming:
            yield chain


def _chain(message: Any) -> ForwardChain | None:
    """Return the chain if it is on the forward hook and its rules or policy may drop packets."""
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
    """Tell whether a rule compares a value with the name of the device."""
    # Programs pad the name either to the register's length or to the end of the string.
    name = device.encode()
    for expression in rule.get_attr("NFTA_RULE_EXPRESSIONS") or ():
        if expression.get_attr("NFTA_EXPR_NAME") == "cmp":
            data = expression.get_attr("NFTA_EXPR_DATA").get_attr("NFTA_CMP_DATA")
            value = data.get_attr("NFTA_DATA_VALUE") if data is not None else None
            if value is not None and bytes(value).rstrip(b"\0") == name:
                return True
    return False


def accept(chain: ForwardChain, device: str) -> None:
    """Insert a rule at the head of *chain* that accepts all packets that arrive on *device*.

    Raises:
        OSError: the kernel refuses the rule.
    """
    name = device.encode()
    rule = [
        genex("meta", {"key": _IIFNAME, "dreg": 1}),
        genex("cmp", {"sreg": 1, "op": 0, "data": {"attrs": [("NFTA_DATA_VALUE", name)]}}),
        # The form of iptables' own rules, so iptables can list this one.
        genex("counter", {"bytes": 0, "packets": 0}),
    ]
    try:
        with closing(NFTables(nfgen_family=chain.family)) as nft:
            expressions = (rule, verdict(code=_ACCEPT))
            nft.rule("insert", table=chain.table, chain=chain.name, expressions=expressions)
    except NetlinkError as error:
        raise OSError(error.code, str(error)) from error


def unaccept(chain: ForwardChain, device: str) -> None:
    """Delete the rules that name *device* from *chain*, if there are any.

    Raises:
        OSError: the kernel refuses the deletion.
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
