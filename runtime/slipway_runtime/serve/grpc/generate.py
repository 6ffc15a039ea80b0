"""``make generate``: messages in Python from the .proto files. Needs grpcio-tools, which only developers have."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent
PROTOCOLS = ("inference", "health", "reflection")
# A pool of one's own for each file: a process that also has another package's copy of the same messages, such as a
# client library's, would refuse the second one in the pool that all share.
_SHARED_POOL = "_descriptor_pool.Default()"
_OWN_POOL = "_descriptor_pool.DescriptorPool()"


def generated() -> dict[str, str]:
    """Every generated file's text by its name in this folder.

    Raises:
        RuntimeError: a .proto file is wrong; the compiler's words are on standard error.
    """
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as into:
        names = [f"{protocol}.proto" for protocol in PROTOCOLS]
        code = protoc.main(["protoc", f"-I{FOLDER}", f"--python_out={into}", f"--pyi_out={into}", *names])
        if code != 0:
            raise RuntimeError(f"protoc ended with {code} for {', '.join(names)}")
        texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(Path(into).iterdir())}
    return {name: text.replace(_SHARED_POOL, _OWN_POOL) for name, text in texts.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write what differs, or with ``--check`` only say so (exit code 1)."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is out of date")
    options = parser.parse_args(arguments)
    texts = generated()
    stale = [name for name, text in texts.items() if not _holds(FOLDER / name, text)]
    for name in stale:
        if not options.check:
            (FOLDER / name).write_text(texts[name], encoding="utf-8")
        print(f"{'out of date' if options.check else 'wrote'}: {FOLDER.name}/{name}")
    return 1 if options.check and stale else 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
