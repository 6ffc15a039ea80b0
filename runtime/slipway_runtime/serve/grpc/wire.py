"""Protobuf's wire format by hand, where its library would copy every tensor once more than needed.

A message is a sequence of fields: a key (number and kind), and for texts, bytes and messages a length and the content.
"""

from collections.abc import Iterator

MODEL_NAME = 1
RAW_INPUT = 7
_DELIMITED = 2
_KIND_BITS = 3
_MORE = 0x80
_LONGEST_NUMBER = 10


def field(number: int, content: bytes) -> bytes:
    """A field of text, bytes or a message, whole."""
    return head(number, len(content)) + content


def head(number: int, size: int) -> bytes:
    """What stands before ``size`` bytes of a field's content."""
    return _written(number << _KIND_BITS | _DELIMITED) + _written(size)


def parted(message: bytes) -> tuple[bytes, list[memoryview]] | None:
    """A request without its raw tensors, and these as views on ``message``.

    None: a field is cut off or of a kind that no request has; the library then says what is wrong with it.
    """
    view = memoryview(message)
    kept: list[memoryview] = []
    tensors: list[memoryview] = []
    try:
        for number, begin, start, end in _fields(message):
            if number == RAW_INPUT:
                tensors.append(view[start:end])
            else:
                kept.append(view[begin:end])
    except ValueError:
        return None
    return b"".join(kept), tensors


def model_name(message: bytes) -> str:
    """The name of the model in a request that is not parsed yet; empty where it is not found."""
    try:
        for number, _, start, end in _fields(message):
            if number == MODEL_NAME:
                return message[start:end].decode()
    except ValueError:
        pass
    return ""


def start_of_only_tensor(message: bytes) -> int | None:
    """Where the content of a request's only raw tensor starts, if it is the last of the request."""
    try:
        fields = [(number, start) for number, _, start, _ in _fields(message)]
    except ValueError:
        return None
    if [number for number, _ in fields].count(RAW_INPUT) != 1 or fields[-1][0] != RAW_INPUT:
        return None
    return fields[-1][1]


def _fields(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Number, begin, start of the content and end of each field.

    Raises:
        ValueError: a field is cut off, or has no length.
    """
    at, size = 0, len(message)
    while at < size:
        begin = at
        key, at = _read(message, at)
        if key & ((1 << _KIND_BITS) - 1) != _DELIMITED:
            raise ValueError("a field without a length")
        length, at = _read(message, at)
        if length > size - at:
            raise ValueError("a field is cut off")
        yield key >> _KIND_BITS, begin, at, at + length
        at += length


def _read(message: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    number = 0
    for place, byte in enumerate(message[at : at + _LONGEST_NUMBER]):
        number |= (byte & (_MORE - 1)) << 7 * place
        if byte < _MORE:
            return number, at + place + 1
    raise ValueError("a number is cut off")


def _written(number: int) -> bytes:
    if number < _MORE:
        return bytes((number,))
    written = bytearray()
    while number >= _MORE:
        written.append(number & (_MORE - 1) | _MORE)
        number >>= 7
    written.append(number)
    return bytes(written)
