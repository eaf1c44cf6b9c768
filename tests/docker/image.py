"""Build a container image from a static busybox, so that no registry is needed.

Its name is that of the image in the tutorials, so `docker run busybox` finds it.
"""

import io
import subprocess
import tarfile
from pathlib import Path

NAME = "busybox:latest"
CHANGES = ["ENV PATH=/bin", 'CMD ["sleep", "3600"]']


def root_filesystem(busybox: Path) -> bytes:
    """Return a tar archive with `busybox`, a link for each applet, and the usual directories."""
    applets = subprocess.run(
        [busybox, "--list"], capture_output=True, text=True, check=True
    ).stdout.split()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder in ("bin", "dev", "etc", "proc", "root", "sys", "tmp"):
            _add(tar, folder, tarfile.DIRTYPE)
        _add(tar, "bin/busybox", content=busybox.read_bytes())
        for applet in applets:
            if applet != "busybox":
                _add(tar, f"bin/{applet}", tarfile.SYMTYPE, link="busybox")
        _add(tar, "etc/passwd", content=b"root:x:0:0:root:/root:/bin/sh\n")
        _add(tar, "etc/group", content=b"root:x:0:\n")
    return archive.getvalue()


def _add(
    tar: tarfile.TarFile,
    name: str,
    kind: bytes = tarfile.REGTYPE,
    link: str = "",
    content: bytes = b"",
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size, entry.mode = kind, link, len(content), 0o755
    tar.addfile(entry, io.BytesIO(content))
