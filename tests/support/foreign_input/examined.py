"""The secrets in the examples, and how an error is checked: sentences of bounded length, with neither of them."""

from webex_token_cli.errors import WebexTokenError

# A secret that is known where an answer is read, and too short to be masked because of its length.
SECRET = "c2VjcmV0-of-a~test.1"  # it has all kinds of characters of a token

# A secret as long as those of Webex, which is masked wherever it stands.
CODE = "Zm9yIGEgdGVzdCBvbmx5LCBhbmQgbm90IGEgcmVhbCBjb2RlIG9mIHdlYmV4LiAx"

# Characters. A message has at most 300 from elsewhere, and the names of some settings.
LONGEST_SENTENCES = 900


def check_words(*sentences: str, secrets: tuple[str, ...] = (SECRET, CODE)) -> None:
    """Fail unless these are sentences for a person, without any of ``secrets``, on one line and not too long."""
    for words in sentences:
        assert words.isprintable(), words
        assert words.endswith("."), words
        assert not any(secret in words for secret in secrets), words
        assert len(words) <= LONGEST_SENTENCES, words


def check_error(error: WebexTokenError, secrets: tuple[str, ...] = (SECRET, CODE)) -> None:
    """Fail unless both sentences of ``error`` are as they should be."""
    check_words(error.message, error.hint, secrets=secrets)
    check_words(f"{error.tracking_id}.", secrets=secrets)
