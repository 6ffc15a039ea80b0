"""Rules across fields, as CEL that the API server evaluates; each message names the remedy.

A rule belongs to a model class and holds wherever that class stands, also inside a subclass.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from slipway_operator.api.meta import ModelSource, Output, Toleration
from slipway_operator.api.modelservice import AccessLog, Autoscaling, AutoscalingTarget, ServedModel
from slipway_operator.api.trainingjob import TrainingJobSpec
from slipway_runtime.spec.compress import CompressionPass, CompressSpec, Quantize
from slipway_runtime.spec.convert import PICKLE_ENDINGS, SampleSource
from slipway_runtime.spec.dataset import DatasetSource
from slipway_runtime.spec.gate import CompressionGate, MetricBound, MetricDrop
from slipway_runtime.spec.train import Recipe, RecipeChoice, TrainSpec, Validation

NAME_LIMIT = 40
"""Longest name of an object: the names of its children are derived from it and are limited to 63 characters."""

BUILTIN_DATASETS = ("breast-cancer", "diabetes", "digits", "iris", "wine")
CLASSIFIER_METRICS = ("accuracy", "macro_f1", "log_loss")
REGRESSOR_METRICS = ("rmse", "mae", "r2")
SHARES = ("accuracy", "macro_f1")
"""Metrics between 0 and 1, which people like to write as per cent."""


@dataclass(frozen=True)
class Rule:
    """One rule: a CEL expression over ``self`` and what to say when it is false."""

    expression: str
    message: str

    def to_schema(self) -> dict[str, str]:
        """The rule as an item of ``x-kubernetes-validations``."""
        return {"rule": self.expression, "message": self.message}


def _one_of(words: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{word}'" for word in words) + "]"


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words[:-1]) + " or " + words[-1]


def _metrics_of(recipe: str, metrics: tuple[str, ...]) -> Rule:
    return Rule(
        f"!has(self.gate) || !has(self.recipe) || !has(self.recipe.{recipe})"
        f" || self.gate.metrics.all(m, m.name in {_one_of(metrics)})",
        f"gate: a {recipe} reports {_listed(metrics)}; a bound on another metric could never hold",
    )


OBJECT_RULES = (
    Rule(
        f"size(self.metadata.name) <= {NAME_LIMIT}",
        f"metadata.name: at most {NAME_LIMIT} characters, because the names of pods and jobs are derived from it",
    ),
    Rule(
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name: lower-case letters, digits and '-', starting with a letter (it becomes a Service's name)",
    ),
)

RULES: Mapping[type[BaseModel], tuple[Rule, ...]] = {
    TrainSpec: (
        Rule("has(self.recipe) != has(self.program)", "set exactly one of recipe and program"),
        Rule("!has(self.recipe) || has(self.dataset)", "set dataset: a recipe needs examples to train on"),
        _metrics_of("classifier", CLASSIFIER_METRICS),
        _metrics_of("regressor", REGRESSOR_METRICS),
    ),
    TrainingJobSpec: (
        Rule(
            "self.gpus == 0 || !has(self.processesPerNode) || self.processesPerNode <= self.gpus",
            "processesPerNode: at most gpus, because each process needs a GPU of its own; lower it or raise gpus",
        ),
    ),
    RecipeChoice: (Rule("has(self.classifier) != has(self.regressor)", "set exactly one of classifier and regressor"),),
    Recipe: (
        Rule(
            "!has(self.learningRate) || double(self.learningRate) > 0.0",
            'learningRate: must be above 0, for example "0.001"',
        ),
    ),
    Validation: (
        Rule(
            "!has(self.fraction) || (double(self.fraction) > 0.0 && double(self.fraction) < 1.0)",
            'fraction: a share above 0 and below 1, for example "0.2"',
        ),
    ),
    DatasetSource: (
        Rule(
            "!self.uri.startsWith('file://')",
            "uri: file:// works only from a shell; use s3://bucket/key, https://… or pvc://claim/path",
        ),
        Rule(
            "!self.uri.startsWith('builtin://')"
            f" || self.uri in {_one_of(tuple(f'builtin://{name}' for name in BUILTIN_DATASETS))}",
            f"uri: the builtin datasets are {_listed(BUILTIN_DATASETS)}",
        ),
        Rule(
            "!has(self.secretName) || self.uri.startsWith('s3://')",
            "secretName: only an s3:// URI takes credentials; drop secretName",
        ),
    ),
    ModelSource: (
        Rule("has(self.from) != has(self.uri)", "set exactly one of from and uri"),
        Rule(
            "!has(self.secretName) || (has(self.uri) && self.uri.startsWith('s3://'))",
            "secretName: only an s3:// uri takes credentials; drop secretName",
        ),
    ),
    AccessLog: (
        Rule("double(self.sample) <= 1.0", 'sample: a share between 0 and 1; write "0.01" for every hundredth'),
    ),
    Autoscaling: (Rule("self.min <= self.max", "min: must not be above max"),),
    AutoscalingTarget: (Rule("has(self.concurrency) != has(self.cpu)", "set exactly one of concurrency and cpu"),),
    ServedModel: (
        Rule(
            "has(self.uri) || ((!has(self.format) || self.format == 'auto') && (!has(self.allowPickle) || "
            "!self.allowPickle) && !has(self.samples) && !has(self.inputShape) && !has(self.classes))",
            "format, allowPickle, samples, inputShape and classes are about a file: they go with uri",
        ),
        Rule(
            "!has(self.format) || self.format != 'sklearn' || (has(self.allowPickle) && self.allowPickle)",
            "allowPickle: files of scikit-learn are pickles, which run code; set it to true if you trust their maker",
        ),
        Rule(
            "!has(self.uri) || (has(self.format) && self.format != 'auto') || "
            "(has(self.allowPickle) && self.allowPickle) || "
            f"!{_one_of(PICKLE_ENDINGS)}.exists(e, self.uri.endsWith(e))",
            "allowPickle: a pickle runs code when it is opened; set it to true if you trust whoever made the file",
        ),
    ),
    SampleSource: (
        Rule(
            "self.uri.matches('^(s3|https|http|pvc)://.+$')",
            "uri: use s3://bucket/key, https://… or pvc://claim/path",
        ),
        Rule(
            "!has(self.secretName) || self.uri.startsWith('s3://')",
            "secretName: only an s3:// URI takes credentials; drop secretName",
        ),
    ),
    MetricBound: (
        Rule("has(self.min) || has(self.max)", "set min, max or both"),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "min: must not be above max, or no model could pass",
        ),
        Rule(
            f"!(self.name in {_one_of(SHARES)}) || !has(self.min) || double(self.min) <= 1.0",
            f'min: {_listed(SHARES)} is a share between 0 and 1; write "0.95", not "95"',
        ),
    ),
    MetricDrop: (
        Rule(
            f"!(self.name in {_one_of(SHARES)}) || double(self.maxDrop) <= 1.0",
            f'maxDrop: {_listed(SHARES)} is a share between 0 and 1; write "0.01" for one per cent',
        ),
    ),
    CompressionGate: (
        Rule(
            "(has(self.metrics) && size(self.metrics) > 0) || has(self.minSizeRatio) || has(self.minSpeedup)",
            "set at least one of metrics, minSizeRatio and minSpeedup, or drop gate",
        ),
    ),
    CompressionPass: (Rule("has(self.quantize)", "set quantize: it is the pass there is"),),
    Quantize: (
        Rule(
            "self.scheme == 'int8-static' || !has(self.calibration)",
            "calibration: int8-dynamic needs no data; drop calibration or use int8-static",
        ),
    ),
    CompressSpec: (
        Rule(
            "self.passes.filter(p, has(p.quantize)).size() <= 1",
            "passes: quantize at most once, because a quantized model cannot be quantized again",
        ),
    ),
    Output: (
        Rule(
            "!has(self.secretName) || has(self.uri)",
            "secretName: goes with uri; set output.uri or drop secretName",
        ),
    ),
    Toleration: (
        Rule("has(self.key) || (has(self.operator) && self.operator == 'Exists')", "set key, or operator: Exists"),
        Rule(
            "!has(self.value) || !has(self.operator) || self.operator == 'Equal'",
            "value: goes with operator: Equal; drop value",
        ),
    ),
}


def rules_of(model: type[BaseModel]) -> tuple[Rule, ...]:
    """Rules of a class and of all it inherits from, the most general first."""
    return tuple(rule for ancestor in reversed(model.__mro__) for rule in RULES.get(ancestor, ()))
