"""`python -m ghapp` is `planward`."""

from ghapp.cli import main

main()
