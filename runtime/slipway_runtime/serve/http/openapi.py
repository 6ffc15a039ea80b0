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
_TENSOR: Document = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string", "enum": [str(one) for one in Datatype]},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "parameters": {"$ref": "#/components/schemas/Parameters"},
        "data": {"type": "array", "description": "Row-major, flat or nested.", "items": {}},
    },
}
_SCHEMAS: Document = {
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string"}},
    },
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
        "/v2": _get("Server metadata"),
        "/v2/health/live": _get("Whether the process answers"),
        "/v2/health/ready": _get("Whether every model is loaded and the process is not draining"),
        "/v2/models": _get("Names of the models"),
        "/v2/models/stats": _get("Statistics of all models"),
        "/v2/models/{model}": _get("Inputs and outputs of a model", model=True),
        "/v2/models/{model}/ready": _get("Whether the model answers", model=True),
        "/v2/models/{model}/config": _get("Configuration of a model", model=True),
        "/v2/models/{model}/stats": _get("Statistics of a model", model=True),
        "/v2/models/{model}/infer": _post("Infer", "InferRequest", "InferResponse", infer, model=True),
        "/v2/repository/index": _post("Every model with its state", "Anything", None, {}, required=False),
        "/v1/models": _get("Names of the models"),
        "/v1/models/{model}": _get("Whether the model answers", model=True),
        "/v1/models/{model}:predict": _post("Predict, V1 protocol", "V1Request", "Anything", v1, model=True),
        "/predict": _post("Rows in, predictions out", "Rows", "Prediction", rows),
        "/models/{model}/predict": _post("The same, of one model", "Rows", "Prediction", rows, model=True),
        "/metrics": _get("Metrics for Prometheus", content="text/plain"),
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
        "components": {"schemas": _SCHEMAS},
    }


def _get(summary: str, *, model: bool = False, content: str = "application/json") -> Document:
    operation: Document = {"summary": summary, "responses": _responses(None, content)}
    if model:
        operation["parameters"] = [_MODEL]
    return {"get": operation}


def _post(
    summary: str,
    takes: str,
    gives: str | None,
    examples: Document,
    *,
    model: bool = False,
    required: bool = True,
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
    return {"post": operation}


_MODEL: Document = {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}


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
