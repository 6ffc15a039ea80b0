"""buildah with a store of its own, in chroot isolation: no daemon, no container engine."""

import configparser
import os
from dataclasses import dataclass
from pathlib import Path

from slipway_devcluster.commands import run
from slipway_devcluster.paths import cache_root

RUN_ROOT = Path("/run/slipway-images")
_PIP_FILES = ("/etc/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf")
_CERTIFICATES = Path("/etc/ssl/certs")


@dataclass(frozen=True)
class Buildah:
    """Commands on one image store."""

    store: Path

    @classmethod
    def default(cls) -> "Buildah":
        """The store in the cache."""
        return cls(cache_root() / "images")

    def run(self, *words: str | Path, timeout: float = 3600.0, check: bool = True) -> str:
        """Run a buildah verb.

        Raises:
            CommandError: it failed; the message has its last lines.
        """
        store: list[str | Path] = ["--storage-driver", "overlay", "--root", self.store, "--runroot", RUN_ROOT]
        return run(["buildah", *store, *words], timeout=timeout, check=check, env={"BUILDAH_ISOLATION": "chroot"})

    def has(self, reference: str) -> bool:
        """Whether the store holds the image."""
        return bool(self.run("images", "--quiet", "--filter", f"reference={reference}", check=False).strip())


def pip_configuration(texts: list[str], certificates: Path, index: str | None) -> str:
    """The machine's pip settings (later files win) with its own trust store, for use inside a build only."""
    parser = configparser.ConfigParser(interpolation=None)
    for text in texts:
        parser.read_string(text)
    if not parser.has_section("global"):
        parser.add_section("global")
    parser.set("global", "cert", str(certificates / "ca-certificates.crt"))
    if index:
        parser.set("global", "index-url", index)
    lines = [
        f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in parser[section].items()) for section in parser.sections()
    ]
    return "\n".join(lines)


def trust_mounts() -> list[str]:
    """Options that lend the machine's trust store and pip settings to a build; nothing of them stays in the image."""
    texts = [path.read_text() for path in (Path(name).expanduser() for name in _PIP_FILES) if path.is_file()]
    file = cache_root() / "pip.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(pip_configuration(texts, _CERTIFICATES, os.environ.get("PIP_INDEX_URL")))
    if not (_CERTIFICATES / "ca-certificates.crt").exists():
        return []
    return ["--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro", "--volume", f"{file}:/etc/pip.conf:ro"]
