"""Model files of other libraries, as ordinary artifacts: recognised, converted to ONNX, compared with their source."""
