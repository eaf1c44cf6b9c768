"""`python -m vtep.lab demo` and `python -m vtep.lab shell`: the lab's own commands."""

import argparse
import sys


def main() -> int:
    """Run the command and return its exit code: 2 for what cannot run here, 130 for Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m vtep.lab", description="Hosts in network namespaces, joined by vtep."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands.add_parser("demo", help="watch two VTEPs join two hosts' containers"))
    _add_shell(commands.add_parser("shell", help="a shell among hosts to try things on"))
    arguments = parser.parse_args()
    if problem := arguments.check(arguments):
        parser.error(problem)
    code: int = arguments.run(arguments)
    return code


def _add_demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument(
        "--seconds", type=int, default=5, help="how long iperf3 runs (default %(default)s)"
    )
    demo.add_argument(
        "--web",
        type=int,
        nargs="?",
        const=8789,
        metavar="PORT",
        help="stay, with the live page on 127.0.0.1 at this port (8789), until Ctrl-C",
    )
    demo.set_defaults(run=_demo, check=_demo_problem)


def _demo_problem(arguments: argparse.Namespace) -> str | None:
    if arguments.seconds < 1:
        return "--seconds must be at least 1"
    if arguments.web is not None and not 0 <= arguments.web <= 65535:
        return "--web must be 0 to 65535"
    return None


def _demo(arguments: argparse.Namespace) -> int:
    try:
        from vtep.lab.demo import run
    except ModuleNotFoundError as error:
        if error.name != "rich":
            raise
        print("vtep.lab: error: the demo draws with rich: pip install rich", file=sys.stderr)
        return 2
    return run(arguments.seconds, arguments.web)


def _add_shell(shell: argparse.ArgumentParser) -> None:
    shell.add_argument("--hosts", type=int, default=2, help="how many (default %(default)s)")
    shell.add_argument(
        *["--family"], type=int, choices=(4, 6), default=4, help="IP of the underlay (default 4)"
    )
    shell.add_argument(
        *["--underlay-mtu"], type=int, default=1500, help="its MTU (default %(default)s)"
    )
    shell.add_argument(
        *["--wire"], action="store_true", help="the underlay carries finished packets only"
    )
    shell.add_argument("-c", metavar="COMMANDS", help="run these, and end")
    shell.set_defaults(run=_shell, check=_shell_problem)


def _shell_problem(arguments: argparse.Namespace) -> str | None:
    from vtep.lab.shell import MAX_HOSTS, MAX_MTU, min_mtu

    least = min_mtu(arguments.family)
    if not 2 <= arguments.hosts <= MAX_HOSTS:
        return f"--hosts must be 2 to {MAX_HOSTS}"
    if not least <= arguments.underlay_mtu <= MAX_MTU:
        return f"--underlay-mtu must be {least} to {MAX_MTU}"
    return None


def _shell(arguments: argparse.Namespace) -> int:
    from vtep.lab.shell import run

    return run(
        arguments.hosts,
        arguments.family,
        underlay_mtu=arguments.underlay_mtu,
        wire=arguments.wire,
        script=arguments.c,
    )


if __name__ == "__main__":
    sys.exit(main())
