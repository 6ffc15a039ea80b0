"""The OpenAPI document of what this process answers, with an example for each of its models."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.tensors import DYNAMIC, Datatype, TensorSpec, count

Document = dict[str, Any]

_ERRORS = {
    "400": "The request does not fit the protocol or the model; the message names the tensor and what was expected.",
    "404": "No such model, version or path.",
    "405": "The path takes another method.",
    "408": "The request did not come in fast enough.",
    "413": "The body is too large.",
    "415": "The content-encoding is not supported.",
    "429": "Too many requests wait; Retry-After says when to come again.",
    "503": "The model is not loaded, or the server is starting.",
    "504": "The request's own timeout passed before its turn came.",
}


def _object(**properties: Document) -> Document:
    """An object that has all of these, and may have more."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(items: Document) -> Document:
    return {"type": "array", "items": items}


_TEXT: Document = {"type": "string"}
_TRUTH: Document = {"type": "boolean"}
_COUNT: Document = {"type": "integer", "minimum": 0}
_DATATYPE: Document = {"type": "string", "enum": [str(one) for one in Datatype]}
_DESCRIBED = _list(_object(name=_TEXT, datatype=_DATATYPE, shape=_list({"type": "integer", "minimum": DYNAMIC})))
_CONFIGURED = _list(_object(name=_TEXT, data_type=_TEXT, dims=_list({"type": "integer", "minimum": DYNAMIC})))
_TENSOR: Document = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": _DATATYPE,
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "parameters": {"$ref": "#/components/schemas/Parameters"},
        "data": {"type": "array", "description": "Row-major, flat or nested.", "items": {}},
    },
}
_SCHEMAS: Document = {
    "Error": _object(error=_TEXT),
    "Live": _object(live=_TRUTH),
    "Ready": _object(ready=_TRUTH),
    "ModelReady": _object(name=_TEXT, ready=_TRUTH),
    "Names": _object(models=_list(_TEXT)),
    "ServerMetadata": _object(name=_TEXT, version=_TEXT, extensions=_list(_TEXT)),
    "ModelMetadata": _object(name=_TEXT, versions=_list(_TEXT), platform=_TEXT, inputs=_DESCRIBED, outputs=_DESCRIBED),
    "Config": _object(name=_TEXT, platform=_TEXT, max_batch_size=_COUNT, input=_CONFIGURED, output=_CONFIGURED),
    "Statistics": _object(
        model_stats=_list(_object(name=_TEXT, version=_TEXT, inference_count=_COUNT, execution_count=_COUNT))
    ),
    "Index": _list(_object(name=_TEXT, version=_TEXT, state=_TEXT, reason=_TEXT)),
    "Parameters": {
        "type": "object",
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    },
    "Tensor": _TENSOR,
    "InferRequest": {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "parameters": {"$ref": "#/components/schemas/Parameters"},
            "inputs": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Tensor"}},
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string"},
                        "parameters": {"$ref": "#/components/schemas/Parameters"},
                    },
                },
            },
        },
    },
    "InferResponse": {
        "type": "object",
        "required": ["model_name", "outputs"],
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}},
        },
    },
    "Rows": {
        "type": "object",
        "required": ["input_data"],
        "properties": {
            "input_data": {"description": "Rows, or an object of rows by input."},
            "model": {"type": "string", "description": "Which model, where several are served."},
            "probabilities": {"type": "boolean", "default": False},
        },
    },
    "Prediction": {
        "type": "object",
        "required": ["prediction"],
        "properties": {"prediction": {}, "probabilities": {}, "classes": {"type": "array"}},
    },
    "V1Request": {
        "type": "object",
        "properties": {
            "signature_name": {"type": "string"},
            "instances": {"type": "array", "description": "Rows."},
            "inputs": {"description": "Columns."},
        },
    },
    "Anything": {"type": "object"},
}


def document(models: Iterable[ServedModel], *, admin: bool) -> Document:
    """The document; ``admin``: requests may load and unload models."""
    loaded = tuple(models)
    infer = _examples(loaded, _infer_example)
    rows = _examples(loaded, lambda model: {"model": model.name, "input_data": _rows_example(model)})
    v1 = _examples(loaded, lambda model: {"inputs": _rows_example(model)})
    paths: dict[str, Document] = {
        "/v2": _get("Server metadata", "ServerMetadata"),
        "/v2/health/live": _get("Whether the process answers", "Live"),
        "/v2/health/ready": _get("Whether every model is loaded and the process is not draining", "Ready"),
        "/v2/models": _get("Names of the models", "Names"),
        "/v2/models/stats": _get("Statistics of all models", "Statistics"),
        "/v2/models/{model}": _get("Inputs and outputs of a model", "ModelMetadata", model=True),
        "/v2/models/{model}/ready": _get("Whether the model answers", "ModelReady", model=True),
        "/v2/models/{model}/config": _get("Configuration of a model", "Config", model=True),
        "/v2/models/{model}/stats": _get("Statistics of a model", "Statistics", model=True),
        "/v2/models/{model}/infer": _post("Infer", "InferRequest", "InferResponse", infer, model=True, binary=True),
        "/v2/repository/index": _post("Every model with its state", "Anything", "Index", {}, required=False),
        "/v1/models": _get("Names of the models", "Names"),
        "/v1/models/{model}": _get("Whether the model answers", "ModelReady", model=True),
        "/v1/models/{model}:predict": _post("Predict, V1 protocol", "V1Request", "Anything", v1, model=True),
        "/predict": _post("Rows in, predictions out", "Rows", "Prediction", rows),
        "/models/{model}/predict": _post("The same, of one model", "Rows", "Prediction", rows, model=True),
        "/metrics": _get("Metrics for Prometheus", None, content="text/plain"),
    }
    if admin:
        for verb in ("load", "unload"):
            text = f"{verb.capitalize()} a model"
            paths[f"/v2/repository/models/{{model}}/{verb}"] = _post(
                text, "Anything", "Anything", {}, model=True, required=False
            )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "slipway-serve",
            "version": version("slipway"),
            "description": "Models behind the Open Inference Protocol v2, the V1 protocol, and rows at /predict.",
        },
        "paths": paths,
        "components": {"schemas": _SCHEMAS, "parameters": {"Model": _model(loaded)}},
    }


def _get(summary: str, gives: str | None, *, model: bool = False, content: str = "application/json") -> Document:
    operation: Document = {"summary": summary, "responses": _responses(gives, content)}
    if model:
        operation["parameters"] = [_MODEL]
    return {"get": operation}


def _post(
    summary: str,
    takes: str,
    gives: str,
    examples: Document,
    *,
    model: bool = False,
    required: bool = True,
    binary: bool = False,
) -> Document:
    content: Document = {"schema": {"$ref": f"#/components/schemas/{takes}"}}
    if examples:
        content["examples"] = examples
    operation: Document = {
        "summary": summary,
        "requestBody": {"required": required, "content": {"application/json": content}},
        "responses": _responses(gives, "application/json"),
    }
    if model:
        operation["parameters"] = [_MODEL]
    if binary:
        operation["parameters"].append(_LENGTH)
        operation["requestBody"]["content"][_OCTETS] = {}
        operation["responses"]["200"]["content"][_OCTETS] = {}
    return {"post": operation}


_OCTETS = "application/octet-stream"
_MODEL: Document = {"$ref": "#/components/parameters/Model"}
_LENGTH: Document = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "description": "Bytes of JSON at the start of the body; the tensors' own bytes follow it.",
    "schema": _COUNT,
}


def _model(loaded: tuple[ServedModel, ...]) -> Document:
    names: Document = {"enum": [model.name for model in loaded]} if loaded else {}
    return {"name": "model", "in": "path", "required": True, "schema": {"type": "string", **names}}


def _responses(gives: str | None, content: str) -> Document:
    schema: Document = {"$ref": f"#/components/schemas/{gives}"} if gives else {}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "200": {"description": "OK", "content": {content: {"schema": schema}}},
        **{code: {"description": text, "content": error} for code, text in _ERRORS.items()},
    }


def _examples(models: tuple[ServedModel, ...], example: Any) -> Document:
    return {model.name: {"value": example(model)} for model in models}


def _infer_example(model: ServedModel) -> Document:
    inputs = []
    for spec in model.signature.inputs.values():
        shape = _one_row(spec)
        data = [_element(spec)] * count(shape)
        inputs.append({"name": spec.name, "datatype": spec.datatype, "shape": shape, "data": data})
    return {"inputs": inputs}


def _rows_example(model: ServedModel) -> Any:
    columns = {spec.name: _nested(_one_row(spec), _element(spec)) for spec in model.signature.inputs.values()}
    return next(iter(columns.values())) if len(columns) == 1 else columns


def _one_row(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(1 if dim == DYNAMIC else dim for dim in spec.shape)


def _element(spec: TensorSpec) -> object:
    match spec.datatype:
        case Datatype.BYTES:
            return "text"
        case Datatype.BOOL:
            return True
    return 0


def _nested(shape: tuple[int, ...], element: object) -> Any:
    for dim in reversed(shape):
        element = [element] * dim
    return element
