"""A study repeated with finer parameters, and the error that this tells."""
