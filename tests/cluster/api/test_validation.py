"""The API server itself accepts and refuses objects; each refusal says what to do."""

from typing import Any

import pytest
from tests.cluster.api.objects import DIGITS, TRAINED, compression, service, training
from tests.cluster.api.server import Server, causes

pytestmark = pytest.mark.cluster

CSV = {"uri": "s3://bucket/houses.csv", "target": "price", "secretName": "bucket"}
QUANTIZE = {"quantize": {"scheme": "int8-static"}}
PROGRAM = {"image": "wine:1", "command": ["python", "train.py"]}


def gate(**bound: Any) -> dict[str, Any]:
    return {"metrics": [bound]}


def pods(**template: Any) -> dict[str, Any]:
    return training(podTemplate=template)


VALID = {
    "smallest training": training(),
    "regressor on a table": training(recipe={"regressor": {}}, dataset=CSV, gate=gate(name="rmse", max="3.5")),
    "own program without a dataset": training(recipe=None, dataset=None, program=PROGRAM),
    "distributed with GPUs": training(nodes=4, gpus=8, processesPerNode=8),
    "two bounds": training(gate={"metrics": [{"name": "accuracy", "min": "0.9"}, {"name": "log_loss", "max": "1"}]}),
    "validation set of its own": training(recipe={"classifier": {"validation": {"dataset": CSV}}}),
    "tolerations": pods(tolerations=[{"operator": "Exists"}, {"key": "gpu", "operator": "Equal", "value": "yes"}]),
    "name of forty characters": training("a" * 40),
    "smallest compression": compression(),
    "dynamic from a URI": compression(
        source={"uri": "s3://b/m.onnx"}, passes=[{"quantize": {"scheme": "int8-dynamic"}}]
    ),
    "gate with every bound": compression(
        gate={"metrics": [{"name": "accuracy", "maxDrop": "0.01"}], "minSizeRatio": "2.5", "minSpeedup": "1.1"}
    ),
    "smallest service": service(),
    "service of a URI with a Secret": service(model={"uri": "s3://b/manifests/x", "secretName": "mine"}),
    "service scaled to zero": service(replicas=0),
    "service of a file to convert": service(
        model={"uri": "s3://b/m.pt", "inputShape": [3, 8], "classes": ["a"], "samples": {"uri": "pvc://c/x.npz"}}
    ),
    "service of a pickle": service(model={"uri": "s3://b/m.pkl", "allowPickle": True}),
    "service of a file that only looks like a pickle": service(model={"uri": "s3://b/m.pkl", "format": "lightgbm"}),
}

INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "format of another object's model": (
        service(model={"from": TRAINED, "format": "keras"}),
        (
            "spec.model: Invalid value: format, allowPickle, samples, inputShape and classes are about a file:"
            " they go with uri"
        ),
    ),
    "pickle by its ending": (
        service(model={"uri": "s3://b/m.joblib"}),
        (
            "spec.model: Invalid value: allowPickle: a pickle runs code when it is opened; set it to true if you trust"
            " whoever made the file"
        ),
    ),
    "pickle by its format": (
        service(model={"uri": "s3://b/m.bin", "format": "sklearn"}),
        (
            "spec.model: Invalid value: allowPickle: files of scikit-learn are pickles, which run code; set it to true"
            " if you trust their maker"
        ),
    ),
    "samples on no machine of the cluster": (
        service(model={"uri": "s3://b/m.pt2", "samples": {"uri": "file:///x.npz"}}),
        "spec.model.samples: Invalid value: uri: use s3://bucket/key, https://… or pvc://claim/path",
    ),
    "long name": (
        training("a" * 41),
        (
            "<nil>: Invalid value: metadata.name: at most 40 characters, because the names of pods and"
            " jobs are derived from it"
        ),
    ),
    "name with a digit first": (
        service("1st"),
        (
            "<nil>: Invalid value: metadata.name: lower-case letters, digits and '-', starting with a letter"
            " (it becomes a Service's name)"
        ),
    ),
    "neither recipe nor program": (training(recipe=None), "spec: Invalid value: set exactly one of recipe and program"),
    "recipe and program": (training(program=PROGRAM), "spec: Invalid value: set exactly one of recipe and program"),
    "recipe without dataset": (
        training(dataset=None),
        "spec: Invalid value: set dataset: a recipe needs examples to train on",
    ),
    "no recipe chosen": (
        training(recipe={}),
        "spec.recipe: Invalid value: set exactly one of classifier and regressor",
    ),
    "two recipes": (
        training(recipe={"classifier": {}, "regressor": {}}),
        "spec.recipe: Invalid value: set exactly one of classifier and regressor",
    ),
    "classifier gated on rmse": (
        training(gate=gate(name="rmse", max="1")),
        (
            "spec: Invalid value: gate: a classifier reports accuracy, macro_f1 or log_loss;"
            " a bound on another metric could never hold"
        ),
    ),
    "regressor gated on accuracy": (
        training(recipe={"regressor": {}}, gate=gate(name="accuracy", min="0.9")),
        "spec: Invalid value: gate: a regressor reports rmse, mae or r2; a bound on another metric could never hold",
    ),
    "bound without a bound": (
        training(gate=gate(name="accuracy")),
        "spec.gate.metrics[0]: Invalid value: set min, max or both",
    ),
    "min above max": (
        training(gate=gate(name="log_loss", min="2", max="1")),
        "spec.gate.metrics[0]: Invalid value: min: must not be above max, or no model could pass",
    ),
    "accuracy in per cent": (
        training(gate=gate(name="accuracy", min="95")),
        (
            "spec.gate.metrics[0]: Invalid value: min: accuracy or macro_f1 is a share between 0 and"
            ' 1; write "0.95", not "95"'
        ),
    ),
    "metric twice": (
        training(gate={"metrics": [{"name": "accuracy", "min": "0.1"}, {"name": "accuracy", "max": "1"}]}),
        'spec.gate.metrics[1]: Duplicate value: {"name":"accuracy"}',
    ),
    "bound as a number": (
        training(gate=gate(name="accuracy", min=0.95)),
        (
            'spec.gate.metrics[0].min: Invalid value: "number": spec.gate.metrics[0].min in body must'
            ' be of type string: "number"'
        ),
    ),
    "bound that is no number": (
        training(gate=gate(name="accuracy", min="high")),
        'spec.gate.metrics[0].min: Invalid value: "high": spec.gate.metrics[0].min in body should match',
    ),
    "empty gate": (training(gate={"metrics": []}), "spec.gate.metrics in body should have at least 1 items"),
    "fraction of one": (
        training(recipe={"classifier": {"validation": {"fraction": "1"}}}),
        'spec.recipe.classifier.validation: Invalid value: fraction: a share above 0 and below 1, for example "0.2"',
    ),
    "fraction of nothing": (
        training(recipe={"regressor": {"validation": {"fraction": "0.0"}}}),
        'spec.recipe.regressor.validation: Invalid value: fraction: a share above 0 and below 1, for example "0.2"',
    ),
    "no learning": (
        training(recipe={"classifier": {"learningRate": "0"}}),
        'spec.recipe.classifier: Invalid value: learningRate: must be above 0, for example "0.001"',
    ),
    "unknown architecture": (
        training(recipe={"classifier": {"architecture": "transformer"}}),
        'spec.recipe.classifier.architecture: Unsupported value: "transformer": supported values: "mlp", "cnn"',
    ),
    "no epochs": (
        training(recipe={"classifier": {"epochs": 0}}),
        "spec.recipe.classifier.epochs in body should be greater than or equal to 1",
    ),
    "seventeen layers": (
        training(recipe={"classifier": {"hiddenSizes": [8] * 17}}),
        "spec.recipe.classifier.hiddenSizes: Too many: 17: must have at most 16 items",
    ),
    "no nodes": (training(nodes=0), "spec.nodes in body should be greater than or equal to 1"),
    "more processes than GPUs": (
        training(gpus=1, processesPerNode=2),
        (
            "spec: Invalid value: processesPerNode: at most gpus, because each process needs a GPU of its own;"
            " lower it or raise gpus"
        ),
    ),
    "file URI": (
        training(dataset={"uri": "file:///data/x.csv"}),
        "spec.dataset: Invalid value: uri: file:// works only from a shell; use s3://bucket/key, https://… or pvc://claim/path",
    ),
    "unknown builtin": (
        training(dataset={"uri": "builtin://mnist"}),
        "spec.dataset: Invalid value: uri: the builtin datasets are breast-cancer, diabetes, digits, iris or wine",
    ),
    "Secret for a builtin": (
        training(dataset={**DIGITS, "secretName": "mine"}),
        "spec.dataset: Invalid value: secretName: only an s3:// URI takes credentials; drop secretName",
    ),
    "unknown scheme": (
        training(dataset={"uri": "ftp://host/x"}),
        'spec.dataset.uri: Invalid value: "ftp://host/x": spec.dataset.uri in body should match',
    ),
    "unknown field": (
        training(epochs=3),
        (
            'TrainingJob in version "v1alpha1" cannot be handled as a TrainingJob: strict decoding error:'
            ' unknown field "spec.epochs"'
        ),
    ),
    "program without a command": (
        training(recipe=None, program={"image": "wine:1", "command": []}),
        "spec.program.command in body should have at least 1 items",
    ),
    "Secret without output": (
        training(output={"secretName": "mine"}),
        "spec.output: Invalid value: secretName: goes with uri; set output.uri or drop secretName",
    ),
    "unknown deletion policy": (
        training(deletionPolicy="Orphan"),
        'spec.deletionPolicy: Unsupported value: "Orphan": supported values: "Retain", "Delete"',
    ),
    "memory without a unit's sense": (
        pods(resources={"memory": "2 GB"}),
        (
            'spec.podTemplate.resources.memory: Invalid value: "2 GB":'
            " spec.podTemplate.resources.memory in body should match"
        ),
    ),
    "toleration of nothing": (
        pods(tolerations=[{"value": "yes"}]),
        "spec.podTemplate.tolerations[0]: Invalid value: set key, or operator: Exists",
    ),
    "value with Exists": (
        pods(tolerations=[{"key": "gpu", "operator": "Exists", "value": "yes"}]),
        "spec.podTemplate.tolerations[0]: Invalid value: value: goes with operator: Equal; drop value",
    ),
    "no source": (compression(source={}), "spec.source: Invalid value: set exactly one of from and uri"),
    "from and uri": (
        compression(source={"from": TRAINED, "uri": "s3://b/m.onnx"}),
        "spec.source: Invalid value: set exactly one of from and uri",
    ),
    "from another kind": (
        compression(source={"from": {"kind": "ModelService", "name": "x"}}),
        'spec.source.from.kind: Unsupported value: "ModelService": supported values: "TrainingJob", "CompressionJob"',
    ),
    "from without a name": (
        compression(source={"from": {"kind": "TrainingJob"}}),
        "spec.source.from.name: Required value",
    ),
    "Secret with from": (
        compression(source={"from": TRAINED, "secretName": "mine"}),
        "spec.source: Invalid value: secretName: only an s3:// uri takes credentials; drop secretName",
    ),
    "no passes": (compression(passes=[]), "spec.passes in body should have at least 1 items"),
    "empty pass": (compression(passes=[{}]), "spec.passes[0]: Invalid value: set quantize: it is the pass there is"),
    "quantized twice": (
        compression(passes=[QUANTIZE, QUANTIZE]),
        "spec: Invalid value: passes: quantize at most once, because a quantized model cannot be quantized again",
    ),
    "calibration of a dynamic scheme": (
        compression(passes=[{"quantize": {"scheme": "int8-dynamic", "calibration": {"samples": 8}}}]),
        (
            "spec.passes[0].quantize: Invalid value: calibration: int8-dynamic needs no data; drop"
            " calibration or use int8-static"
        ),
    ),
    "unknown scheme of quantization": (
        compression(passes=[{"quantize": {"scheme": "int4"}}]),
        'spec.passes[0].quantize.scheme: Unsupported value: "int4": supported values: "int8-static", "int8-dynamic"',
    ),
    "no evaluation": (compression(evaluation=None), "spec.evaluation: Required value"),
    "gate of nothing": (
        compression(gate={}),
        "spec.gate: Invalid value: set at least one of metrics, minSizeRatio and minSpeedup, or drop gate",
    ),
    "drop in per cent": (
        compression(gate=gate(name="accuracy", maxDrop="5")),
        (
            "spec.gate.metrics[0]: Invalid value: maxDrop: accuracy or macro_f1 is a share between 0 and 1;"
            ' write "0.01" for one per cent'
        ),
    ),
    "negative drop": (
        compression(gate=gate(name="accuracy", maxDrop="-0.1")),
        'spec.gate.metrics[0].maxDrop: Invalid value: "-0.1": spec.gate.metrics[0].maxDrop in body should match',
    ),
    "service of nothing": (service(model=None), "spec.model: Required value"),
    "negative replicas": (service(replicas=-1), "spec.replicas in body should be greater than or equal to 0"),
    "model on a local disk": (
        service(model={"uri": "file:///m.onnx"}),
        'spec.model.uri: Invalid value: "file:///m.onnx": spec.model.uri in body should match',
    ),
}


@pytest.mark.parametrize("body", VALID.values(), ids=VALID)
def test_accepted(server: Server, body: dict[str, Any]) -> None:
    assert causes(server.create(body, dry_run=True)) == []


@pytest.mark.parametrize(("body", "message"), INVALID.values(), ids=INVALID)
def test_refused_with_what_to_do(server: Server, body: dict[str, Any], message: str) -> None:
    found = causes(server.create(body, dry_run=True))
    assert any(message in cause for cause in found), "\n".join(found) or "accepted"
