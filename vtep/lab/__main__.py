"""The commands `python -m vtep.lab demo` and `python -m vtep.lab shell`."""

import argparse
import sys


def main() -> int:
    """Run the command; return its exit code, 2 if it cannot run here, or 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m vtep.lab",
        description="Build hosts from network namespaces and connect them with vtep.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(
        commands.add_parser("demo", help="show two VTEPs connect the containers of two hosts")
    )
    _add_shell(
        commands.add_parser("shell", help="open a shell with commands for two or more hosts")
    )
    arguments = parser.parse_args()
    if problem := arguments.check(arguments):
        parser.error(problem)
    code: int = arguments.run(arguments)
    return code


def _add_demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument(
        "--seconds", type=int, default=5, help="run iperf3 for this time [%(default)s]"
    )
    demo.add_argument(
        "--web",
        type=int,
        nargs="?",
        const=8789,
        metavar="PORT",
        help="then serve the live page at 127.0.0.1:PORT until Ctrl-C [8789]",
    )
    demo.set_defaults(run=_demo, check=_demo_problem)


def _demo_problem(arguments: argparse.Namespace) -> str | None:
    if arguments.seconds < 1:
        return f"--seconds {arguments.seconds}: too small; use 1 or more"
    if arguments.web is not None and not 0 <= arguments.web <= 65535:
        return f"--web {arguments.web}: not a port; use 0..65535"
    return None


def _demo(arguments: argparse.Namespace) -> int:
    try:
        from vtep.lab.demo import run
    except ModuleNotFoundError as error:
        if error.name != "rich":
            raise
        print("vtep.lab: error: rich: not installed; run pip install rich", file=sys.stderr)
        return 2
    return run(arguments.seconds, arguments.web)


def _add_shell(shell: argparse.ArgumentParser) -> None:
    shell.add_argument(
        "--hosts", type=int, default=2, help="build this number of hosts [%(default)s]"
    )
    shell.add_argument(
        *["--family"],
        type=int,
        choices=(4, 6),
        default=4,
        help="use this IP version on the underlay [4]",
    )
    shell.add_argument(
        *["--underlay-mtu"],
        type=int,
        default=1500,
        help="set the MTU of the underlay [%(default)s]",
    )
    shell.add_argument(
        *["--wire"], action="store_true", help="carry only finished packets, as a real network does"
    )
    shell.add_argument("-c", metavar="COMMANDS", help="run these commands instead of a shell")
    shell.set_defaults(run=_shell, check=_shell_problem)


def _shell_problem(arguments: argparse.Namespace) -> str | None:
    from vtep.lab.shell import MAX_HOSTS, MAX_MTU, min_mtu

    least = min_mtu(arguments.family)
    if not 2 <= arguments.hosts <= MAX_HOSTS:
        return f"--hosts {arguments.hosts}: out of range; use 2..{MAX_HOSTS}"
    if not least <= arguments.underlay_mtu <= MAX_MTU:
        return f"--underlay-mtu {arguments.underlay_mtu}: out of range; use {least}..{MAX_MTU}"
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
