"""Which models go through a conversion, decided without looking at them."""

import pytest

from slipway_runtime.spec.convert import ConvertSpec, ModelFormat, SampleSource, wants_conversion


@pytest.mark.parametrize(
    ("uri", "spec", "expected"),
    [
        ("s3://models/net.onnx", ConvertSpec(), False),
        ("s3://models/package", ConvertSpec(), False),
        ("s3://models/package/", ConvertSpec(), False),
        ("s3://models/net.onnx", ConvertSpec(format=ModelFormat.ONNX), True),
        ("s3://models/saved", ConvertSpec(format=ModelFormat.TENSORFLOW), True),
        ("s3://models/saved", ConvertSpec(allow_pickle=True), True),
        ("s3://models/net.onnx", ConvertSpec(samples=SampleSource(uri="s3://models/x.npz")), True),
        ("s3://models/net.onnx", ConvertSpec(classes=("a", "b")), True),
        ("s3://models/model.PKL", ConvertSpec(), True),
        ("https://host.example/a/model.keras", ConvertSpec(), True),
        ("pvc://claim/model.joblib", ConvertSpec(), True),
        ("pvc://claim/model.pt2", ConvertSpec(), True),
        ("model.ubj", ConvertSpec(), True),
    ],
)
def test_what_must_be_converted(uri: str, spec: ConvertSpec, *, expected: bool) -> None:
    assert wants_conversion(uri, spec) is expected


@pytest.mark.parametrize("model_format", [one for one in ModelFormat if one is not ModelFormat.AUTO])
def test_every_format_has_a_converter(model_format: ModelFormat) -> None:
    from slipway_runtime.convert.registry import converter_of, versions_of

    assert callable(converter_of(model_format))
    assert versions_of(model_format)["slipway-convert"]
