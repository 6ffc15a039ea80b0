"""Compressed bodies: gzip and deflate, in both directions."""

import zlib

from slipway_runtime.serve.errors import BadInput, Fault, RequestError
from slipway_runtime.serve.http.messages import Request, Response

# zlib's own words for which format it reads or writes. "deflate" is zlib's format: so it says in the RFC.
_WINDOWS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
_RAW_DEFLATE = -15
_LEAST_BYTES = 1024
_FAST = 1


def compressed(request: Request) -> bool:
    """Whether the body is compressed."""
    return request.headers.get(b"content-encoding", b"identity").lower() not in (b"identity", b"")


def plain_body(request: Request, limit: int) -> bytes:
    """The body, decompressed when it is compressed, up to ``limit`` bytes.

    Raises:
        RequestError: the encoding is unknown, or the body is larger than the limit.
        BadInput: the body is not what its encoding says.
    """
    if not compressed(request):
        return request.body
    name = request.headers[b"content-encoding"].lower().strip()
    window = _WINDOWS.get(name)
    if window is None:
        raise RequestError(
            Fault.UNSUPPORTED,
            f"content-encoding {name.decode(errors='replace')!r} is not supported; send gzip, deflate or plain",
        )
    if name == b"deflate" and not request.body.startswith(b"\x78"):
        # Some clients leave zlib's frame out.
        window = _RAW_DEFLATE
    inflater = zlib.decompressobj(window)
    try:
        body = inflater.decompress(request.body, limit + 1)
    except zlib.error as error:
        raise BadInput(f"the body is no {name.decode()}: {error}") from error
    if len(body) > limit:
        raise RequestError(Fault.TOO_LARGE, f"the body is larger than {limit} bytes; send fewer rows at once")
    if not inflater.eof:
        raise BadInput(f"the body is cut off: its {name.decode()} stream has no end")
    return body


def encoded(request: Request, response: Response) -> Response:
    """The answer, compressed when the client asks for one encoding and nothing else.

    Libraries name every encoding that they know with every request, and compressing costs more than most inferences: so
    a list is taken as a possibility, a single name as a wish.
    """
    name = request.headers.get(b"accept-encoding", b"").strip().lower()
    if name not in _WINDOWS or len(response.body) < _LEAST_BYTES:
        return response
    deflater = zlib.compressobj(_FAST, zlib.DEFLATED, _WINDOWS[name])
    body = deflater.compress(response.body) + deflater.flush()
    headers = b"%bcontent-encoding: %b\r\nvary: accept-encoding\r\n" % (response.headers, name)
    return response._replace(body=body, headers=headers)
