"""The chart and the examples on a real API server."""

import shutil
import subprocess
from pathlib import Path

import pytest

from slipway_devcluster import Cluster, CommandError

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "slipway"
NAMESPACE = "chart-test"


def helm(cluster: Cluster, *words: str) -> str:
    command = [str(cluster.binary("helm")), "--kubeconfig", str(cluster.kubeconfig), "--namespace", NAMESPACE, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("folder", ["digits", "tabular", "own-program", "formats"])
def test_examples_are_accepted(cluster: Cluster, folder: str) -> None:
    for path in sorted((ROOT / "examples" / folder).glob("*.yaml")):
        assert "(server dry run)" in cluster.kubectl("apply", "--dry-run=server", "-f", str(path))


def test_install_upgrade_and_uninstall(cluster: Cluster, tmp_path: Path) -> None:
    older = shutil.copytree(CHART, tmp_path / "slipway")
    definition = older / "templates" / "crds" / "slipway.dev_trainingjobs.yaml"
    definition.write_text(definition.read_text().replace("shortNames:\n    - trj", "shortNames:\n    - old"))
    # The definitions of the package's fixture belong to kubectl; a release must own what it installs.
    cluster.kubectl("delete", "crd", "--all", "--wait=true")
    try:
        helm(cluster, "install", "slipway", str(older), "--create-namespace")
        cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        names = ("get", "crd", "trainingjobs.slipway.dev", "-o", "jsonpath={.spec.names.shortNames[0]}")
        assert cluster.kubectl(*names) == "old"
        helm(cluster, "upgrade", "slipway", str(CHART), "--set", "operator.replicas=3")
        assert cluster.kubectl(*names) == "trj"
        replicas = cluster.kubectl("-n", NAMESPACE, "get", "deploy", "slipway", "-o", "jsonpath={.spec.replicas}")
        assert replicas == "3"
        cluster.kubectl("apply", "-f", str(ROOT / "examples" / "digits"))
        helm(cluster, "uninstall", "slipway")
        assert "digits-int8" in cluster.kubectl("get", "slipway")
        with pytest.raises(CommandError, match="NotFound"):
            cluster.kubectl("-n", NAMESPACE, "get", "deployment", "slipway")
        helm(cluster, "install", "slipway", str(CHART))
        helm(cluster, "uninstall", "slipway")
    finally:
        cluster.kubectl("delete", "trj,cpj,msv", "--all")
        cluster.kubectl("delete", "crd", "--all", "--wait=true")
        cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
        cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")


def test_pods_meet_pod_security_restricted(cluster: Cluster) -> None:
    rendered = helm(cluster, "template", "slipway", str(CHART), "--set", "crds.enabled=false")
    cluster.kubectl("create", "namespace", "strict")
    cluster.kubectl("label", "namespace", "strict", "pod-security.kubernetes.io/enforce=restricted")
    moved = rendered.replace(f"namespace: {NAMESPACE}", "namespace: strict")
    cluster.kubectl("apply", "-f", "-", stdin=moved)

    # Deployments are accepted whatever their pods; the pods themselves show what Pod Security says.
    def made() -> str:
        return cluster.kubectl("-n", "strict", "get", "pods", "-o", "jsonpath={.items[*].metadata.name}")

    cluster.kubectl("-n", "strict", "wait", "--for=jsonpath={.status.replicas}=2", "deploy/slipway", "--timeout=60s")
    cluster.kubectl(
        "-n", "strict", "wait", "--for=jsonpath={.status.replicas}=1", "deploy/slipway-store", "--timeout=60s"
    )
    job = ["-n", "strict", "create", "job", "sweep", "--from=cronjob/slipway-retention"]
    cluster.kubectl(*job)
    cluster.kubectl("-n", "strict", "wait", "--for=jsonpath={.status.active}=1", "job/sweep", "--timeout=60s")
    assert {"slipway-test"} <= set(made().split())
    cluster.kubectl("delete", "-f", "-", "--wait=false", stdin=moved)
    cluster.kubectl("delete", "namespace", "strict", "--wait=false")
