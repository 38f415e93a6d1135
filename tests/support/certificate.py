"""Certificates that a server makes for itself."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files: private key and certificate in PEM, the certificate in DER for devices."""

    key: Path
    pem: Path
    der: Path

    @property
    def options(self) -> tuple[str, ...]:
        """Of `tinymlaas serve`."""
        return "--tls-certificate", str(self.pem), "--tls-key", str(self.key)


def self_signed(folder: Path, name: str = "lab", host: str = "127.0.0.1") -> Certificate:
    """A new P-256 key and its certificate for an address, good for two days."""
    made = Certificate(*(folder / f"{name}.{ending}" for ending in ("key", "crt", "der")))
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subject = ("-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{host}")
    _openssl("req", "-x509", *kind, "-keyout", made.key, "-out", made.pem, *subject)
    _openssl("x509", "-in", made.pem, "-outform", "der", "-out", made.der)
    return made


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
