"""What numpy raises for a file of its own (npy, npz) that is damaged; this file imports the standard library alone."""

import tokenize
import zipfile
import zlib

DAMAGED: tuple[type[Exception], ...] = (
    *(OSError, ValueError, EOFError, KeyError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
    # Python 3.12 and later, of a header that holds a null byte.
    tokenize.TokenError,
)
