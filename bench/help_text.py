"""Descriptions and examples for --help."""

from bench import plan
from bench.contenders import BEFORE, CONTENDERS

DESCRIPTION = """\
Measure vtep in alternation with the kernel's vxlan and other tunnels.

Each run builds two hosts in network namespaces on this machine, so root is
required. Tables are printed; results.json and the plots are written to a
directory. docs/performance.md describes the method and how to read the figures."""

COMPARE = """\
Compare two results of "python -m bench": differences of machine and options,
the median of A and B, their ratio, and a verdict that respects the noise. A
verdict is the result of a rank test (Mann-Whitney) over the rounds, of which
there should be 4 or more. The ratio to the kernel's vxlan in the same round is
the fair comparison between different machines. Curves are not compared."""

_EXAMPLES = """\
examples:
  python -m bench all                                the whole benchmark
  python -m bench tcp --contender kernel,vtep        one measure, two contenders
  python -m bench udp --size 64 --rounds 3
  python -m bench run --measure tcp,rtt --before ../other-checkout
  python -m bench plot bench/results/DATE/results.json
  python -m bench compare A/results.json B/results.json --contender vtep

Use the interpreter of the virtual environment, .venv/bin/python, which
"make bench" creates. "python -m bench COMMAND --help" lists the options."""


def epilog() -> str:
    """Return examples, contenders and defaults."""
    lengths = ", ".join(f"{kind} {seconds} s" for kind, seconds in plan.SECONDS.items())
    return (
        f"{_EXAMPLES}\n\n{contenders()}\n\n"
        f"defaults: {plan.ROUNDS} rounds; length of a run: {lengths}"
    )


def contenders() -> str:
    """Return the names of the contenders with their descriptions."""
    lines = [f"  {one.name:12} {one.what}" for one in CONTENDERS.values()]
    lines.append(f"  {BEFORE:12} the checkout of vtep named by --before")
    return "\n".join(["contenders:", *lines])
