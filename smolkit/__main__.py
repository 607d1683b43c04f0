"""`python -m smolkit` is `smolkit`."""

from smolkit.cli import main

main()
