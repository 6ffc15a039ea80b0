"""The Open Inference Protocol over gRPC, in the process and event loop of the HTTP server.

Nothing outside this package imports ``grpc`` or protobuf, and ``front`` imports them in a thread: that takes as long as
loading a small model, and so is done beside it.
"""
