"""Stacks of a profile, grouped."""

from bench.profiling.stacks import functions, group, groups, parse

RUN = "run (vtep/daemon/process.py:56)"
OUT = "Encapsulator.encapsulate (vtep/dataplane/encap.py:130)"
IN = "Decapsulator.decapsulate (vtep/dataplane/decap_spans.py:120)"
SEND = "Underlay.send (vtep/host/underlay.py:118)"
FILL = "_Views.fill (vtep/offload/segment_batch.py:204)"
UFUNC = "PyUFunc_Reduce (numpy/_core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so)"
RAW = f"""\
{RUN};uv__io_poll (linux.c:1452);epoll_pwait (libc.so.6) 40
{RUN};{SEND};sock_sendmsg (socketmodule.c:1);sendmsg (libc.so.6) 30
{RUN};{OUT};{FILL};{UFUNC};__memmove_avx (libc.so.6) 20
{RUN};{OUT};dict_subscript (dictobject.c:1) 6
{RUN};{IN};_any (numpy/_core/_methods.py:50) 3
{RUN} 1
"""


def test_stacks_are_grouped_by_what_they_do_and_where() -> None:
    assert groups(parse(RAW)) == {
        "idle": 40,
        "system call sendmsg": 30,
        "encapsulate: numpy": 20,
        "encapsulate: interpreter": 6,
        "decapsulate: numpy": 3,
        "elsewhere: interpreter": 1,
    }


def test_a_call_of_that_name_outside_of_libc_is_no_system_call() -> None:
    assert group((RUN, "read (vtep/host/tap.py:81)")) == "elsewhere: interpreter"


def test_functions_have_their_own_share_and_that_of_what_they_call() -> None:
    shares = {share.function: share[1:] for share in functions(parse(RAW))}
    assert shares["run (vtep/daemon/process.py)"] == (1, 60)
    assert shares["Encapsulator.encapsulate (vtep/dataplane/encap.py)"] == (6, 26)
    assert shares["_Views.fill (vtep/offload/segment_batch.py)"] == (20, 20)
    assert next(iter(shares)) == "Underlay.send (vtep/host/underlay.py)"
    assert not any("memmove" in name or "epoll" in name for name in shares)
