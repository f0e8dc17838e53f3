"""Words of sentences that count."""

_IRREGULAR = {"study": "studies"}


def counted(number: int, what: str) -> str:
    """Return a number with what it counts.

    Parameters
    ----------
    number
        How many.
    what
        One of them: study.

    Examples
    --------
    >>> counted(1, "study"), counted(2, "study"), counted(0, "document")
    ('1 study', '2 studies', '0 documents')
    """
    return f"{number} {what if number == 1 else _IRREGULAR.get(what, f'{what}s')}"


def sentence(words: str) -> str:
    """Return words with a full stop, unless they end a sentence already.

    Examples
    --------
    >>> sentence("it is thin"), sentence("are atoms missing?")
    ('it is thin.', 'are atoms missing?')
    """
    return words if words.endswith((".", "?", "!")) else f"{words}."
