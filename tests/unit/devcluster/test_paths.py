import os
from pathlib import Path

from slipway_devcluster.paths import write_if_changed


def test_an_unchanged_configuration_is_not_written_again(tmp_path: Path) -> None:
    file = tmp_path / "kube-proxy.yaml"
    write_if_changed(file, "mode: nftables\n")
    os.utime(file, ns=(1, 1))
    write_if_changed(file, "mode: nftables\n")
    assert file.stat().st_mtime_ns == 1
    write_if_changed(file, "mode: iptables\n")
    assert file.read_text() == "mode: iptables\n"
