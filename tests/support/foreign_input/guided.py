"""Fuzz one parser with Atheris, which changes bytes so that they reach code that no others have reached.

``python -m tests.support.foreign_input.guided NAME SECONDS`` begins with the examples of the parser NAME. Without
arguments, it prints the names. It ends with status 0, unless a check failed; its output then has the bytes.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["webex_token_cli"]):
    from tests.support.foreign_input.mutations import PIECES, rendered
    from tests.support.foreign_input.parsers import PARSERS, Parser


def _dictionary(parser: Parser) -> str:
    """The pieces in the words of libFuzzer, which takes only short ones."""
    words = {piece for piece in (*PIECES, *parser.pieces) if 0 < len(piece) <= 64}
    return "".join('"{}"\n'.format("".join(f"\\x{byte:02x}" for byte in word)) for word in sorted(words))


def main(name: str, seconds: str) -> None:
    """Fuzz the parser ``name`` for so many ``seconds``, and end the process."""
    parser = PARSERS[name]

    def read(data: bytes) -> None:
        try:
            parser.read(data)
        except BaseException:
            print(f"\n{name} fails on {data!r}")
            raise

    with tempfile.TemporaryDirectory() as folder:
        corpus, words = Path(folder, "corpus"), Path(folder, "words")
        corpus.mkdir()
        words.write_text(_dictionary(parser), encoding="ascii")
        for number, example in enumerate(parser.examples):
            Path(corpus, str(number)).write_bytes(rendered(example))
        options = [f"-max_total_time={seconds}", f"-dict={words}", "-max_len=8192", "-timeout=20"]
        options.append(f"-artifact_prefix={folder}/")
        atheris.Setup([sys.argv[0], str(corpus), *options], read)
        atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(*sys.argv[1:])
    print("\n".join(PARSERS))
