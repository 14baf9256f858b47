"""`planward setup`: GitHub's manifest flow, from the page on loopback to where the credentials are kept.

manifest.py     what GitHub is asked to register, and where
page.py         the page on loopback that posts the form and takes the code
keeping.py      a file with mode 0600, or Vault
"""

from ghapp.setup.flow import Plan, set_up
from ghapp.setup.keeping import FileKeeper, Keeper, VaultKeeper

__all__ = ["FileKeeper", "Keeper", "Plan", "VaultKeeper", "set_up"]
