"""``python -m anodeflow`` is the command ``anodeflow``."""

from anodeflow.cli import main

if __name__ == "__main__":
    main()
