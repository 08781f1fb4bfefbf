"""`python -m genojax` is `genojax`."""

from genojax.cli import main

main.main()
