"""`planward setup`: GitHub's manifest flow, from the page on loopback to the stored credentials.

manifest.py     the App's registration, and the address to which it is sent
page.py         the page on loopback that posts the form and receives the code
keeping.py      a file with mode 0600, or Vault
"""

from ghapp.setup.flow import Plan, set_up
from ghapp.setup.keeping import FileKeeper, Keeper, VaultKeeper

__all__ = ["FileKeeper", "Keeper", "Plan", "VaultKeeper", "set_up"]
