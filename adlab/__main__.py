"""``python -m adlab`` is the command ``adlab``."""

from adlab.cli.main import main

main()
