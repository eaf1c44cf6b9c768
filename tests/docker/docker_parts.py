"""Get the programs of a Docker engine: Debian packages, unpacked into a cache, not installed."""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

PACKAGES = (
    *("docker.io", "containerd", "runc", "tini", "busybox-static", "iptables"),
    # shared libraries of iptables, dockerd and runc
    *("libip4tc2", "libip6tc2", "libmnl0", "libnfnetlink0", "libnetfilter-conntrack3"),
    *("libnftnl11", "libxtables12", "libdevmapper1.02.1", "libseccomp2"),
)
_IN_NEWER_RELEASES = ("docker-cli",)  # part of docker.io before

# name on the PATH of the engine -> its paths in current and older Debian packages
_PROGRAMS = {
    "docker": ("usr/bin/docker",),
    "dockerd": ("usr/sbin/dockerd", "usr/bin/dockerd"),
    "docker-proxy": ("usr/sbin/docker-proxy", "usr/libexec/docker/docker-proxy"),
    "containerd": ("usr/bin/containerd",),
    "containerd-shim-runc-v2": ("usr/bin/containerd-shim-runc-v2",),
    "runc": ("usr/sbin/runc", "usr/bin/runc"),
    "docker-init": ("usr/bin/tini-static",),
    "busybox": ("bin/busybox", "usr/bin/busybox"),
    "iptables": ("usr/sbin/xtables-nft-multi",),
    "ip6tables": ("usr/sbin/xtables-nft-multi",),
}


class PartsError(Exception):
    """The programs are not available; str() gives the reason in one line."""


@dataclass(frozen=True, slots=True)
class DockerParts:
    """The unpacked packages.

    Attributes:
        tree: root directory of the unpacked packages.
        programs: directory of links to the programs, to be first on the PATH.
    """

    tree: Path
    programs: Path

    @property
    def busybox(self) -> Path:
        """The static busybox."""
        return self.programs / "busybox"

    def environment(self) -> dict[str, str]:
        """Return the variables that let the programs find each other and their libraries."""
        libraries = [path for path in self.tree.glob("usr/lib/*-linux-gnu*") if path.is_dir()]
        xtables = next(self.tree.glob("usr/lib/*/xtables"))
        return {
            "PATH": f"{self.programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
            "XTABLES_LIBDIR": str(xtables),
        }


def default_cache() -> Path:
    """Return the cache directory: $VTEP_CACHE, else .cache/docker in the repository."""
    return Path(os.environ.get("VTEP_CACHE") or REPOSITORY / ".cache" / "docker").absolute()


def fetch(cache: Path, say: Callable[[str], None]) -> DockerParts:
    """Return the parts under `cache`; download and unpack them first if necessary.

    Several runs may call this at the same time: one downloads, the others wait. `say` gets a line
    about a download, because that takes some time, and 260 MB of disk.

    Raises:
        PartsError: the packages cannot be downloaded or lack a program.
    """
    tree = cache / "tree"
    parts = DockerParts(tree, cache / "bin")
    with _locked(cache):
        stamp = cache / "packages"
        wanted = "\n".join((*PACKAGES, *_PROGRAMS)) + "\n"
        if not (stamp.exists() and stamp.read_text() == wanted):
            stamp.unlink(missing_ok=True)
            say(f"fetching {len(PACKAGES)} Debian packages for the Docker engines into {cache}")
            _unpack(tree)
            _link(parts)
            stamp.write_text(wanted)
            say("fetched and unpacked; nothing was installed")
    return parts


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unpack(tree: Path) -> None:
    tree.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tree.parent) as name:
        folder = Path(name)
        folder.chmod(0o755)
        newer = [
            name for name in _IN_NEWER_RELEASES if _run(["apt-cache", "show", name], folder) is None
        ]
        download = ["apt-get", "-qq", "download", *PACKAGES, *newer]
        if _run(download, folder) is not None:
            _run(["apt-get", "-qq", "update"], folder)
            if (reason := _run(download, folder)) is not None:
                raise PartsError(f"apt-get download: {reason}")
        for package in sorted(folder.glob("*.deb")):
            if (reason := _run(["dpkg", "-x", str(package), str(tree)], folder)) is not None:
                raise PartsError(f"dpkg -x {package.name}: {reason}")


def _link(parts: DockerParts) -> None:
    parts.programs.mkdir(exist_ok=True)
    for name, places in _PROGRAMS.items():
        found = next((p for place in places if (p := parts.tree / place).is_file()), None)
        if found is None:
            raise PartsError(f"{name}: not in the packages at {' or '.join(places)}")
        link = parts.programs / name
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(found, parts.programs))


def _run(command: list[str], folder: Path) -> str | None:
    """Run `command` in `folder`; return None on success, else the last line of its errors."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=600
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


if __name__ == "__main__":
    print(fetch(default_cache(), print).tree)
