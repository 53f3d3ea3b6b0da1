"""Standard streams whose encoding does not have every letter: a pipe on Windows, or a locale without UTF-8."""

import codecs
import io
from functools import partial

# Click takes a stream that says ``ascii`` for a mistake, and writes UTF-8 to it.
_ASCII = "plain-ascii"


def print_what_can_be_shown(stream: object) -> None:
    """Let ``stream`` print a substitute for each letter that its encoding lacks, instead of failing.

    A stream in memory, and what stands in for a closed one, stay as they are.
    """
    if not isinstance(stream, io.TextIOWrapper):
        return
    encoding = stream.encoding
    if codecs.lookup(encoding).name == "ascii":
        codecs.register(_plain_ascii)
        encoding = _ASCII
    # The error does not tell the encoding: for every code page it says "charmap".
    handler = f"webex-token-{encoding}"
    codecs.register_error(handler, partial(_substituted, encoding))
    stream.reconfigure(encoding=encoding, errors=handler)


def _substituted(encoding: str, error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    from webex_token_cli.cli.substitutes import substitute  # few runs print such a letter

    return substitute(error.object[error.start : error.end], encoding), error.end


def _plain_ascii(name: str) -> codecs.CodecInfo | None:
    if name != _ASCII.replace("-", "_"):
        return None
    ascii_ = codecs.lookup("ascii")
    return codecs.CodecInfo(
        ascii_.encode,
        ascii_.decode,
        ascii_.streamreader,
        ascii_.streamwriter,
        ascii_.incrementalencoder,
        ascii_.incrementaldecoder,
        name=_ASCII,
    )
