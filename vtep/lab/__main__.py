"""`python -m vtep.lab demo`: the lab's own command."""

import argparse
import sys


def main() -> int:
    """Run the command and return its exit code: 0, 2 for what cannot run here, 130 for Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m vtep.lab", description="Two hosts in network namespaces, joined by vtep."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="watch two VTEPs join two hosts' containers")
    demo.add_argument(
        "--seconds", type=int, default=5, help="how long iperf3 runs (default %(default)s)"
    )
    arguments = parser.parse_args()
    if arguments.seconds < 1:
        parser.error("--seconds must be at least 1")
    try:
        from vtep.lab.demo import run
    except ModuleNotFoundError as error:
        if error.name != "rich":
            raise
        print("vtep.lab: error: the demo draws with rich: pip install rich", file=sys.stderr)
        return 2
    return run(arguments.seconds)


if __name__ == "__main__":
    sys.exit(main())
