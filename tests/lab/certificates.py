"""A certificate authority of the lab's own, made anew for each lab, and what it issues."""

from collections.abc import Sequence
from pathlib import Path

from .commands import check

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
DAYS = "30"


class Authority:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"

    def create(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._request(
            "/CN=newt-tunnel lab",
            ["-keyout", str(self._key), "-out", str(self.certificate)],
            ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"],
        )

    def issue(
        self, name: str, *, subject: str = "", alternatives: Sequence[str] = ()
    ) -> tuple[Path, Path]:
        """A certificate and key: of the host NAME, which may be an IPv4 address, or of the names
        and subject that are given.
        """
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        kind = "IP" if name.replace(".", "").isdecimal() else "DNS"
        names = ",".join(alternatives) or f"{kind}:{name}"
        self._request(
            subject or f"/CN={name}",
            [
                *("-keyout", str(key), "-out", str(certificate)),
                *("-CA", str(self.certificate), "-CAkey", str(self._key)),
            ],
            [f"subjectAltName={names}", "basicConstraints=critical,CA:FALSE"],
        )
        return certificate, key

    def _request(self, subject: str, options: list[str], extensions: list[str]) -> None:
        # /dev/null: the machine's openssl.cnf would add extensions of its own.
        argv = ["openssl", "req", "-x509", "-config", "/dev/null", "-days", DAYS]
        argv += [*NEW_KEY, "-subj", subject, *options]
        for extension in extensions:
            argv += ["-addext", extension]
        check(argv)
