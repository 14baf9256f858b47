"""Convert Atlantis' repository config to Planward's: each key is converted, or listed with the reason why it is not.

Start with `importer`. It reads with `projects` and `workflows`, assigns each state with `environments`, combines the
projects with `merge`, and writes the file with `writer`. `keys` has the reasons.

https://www.runatlantis.io/docs/repo-level-atlantis-yaml.html
"""

from ghapp.atlantis.importer import Imported, import_atlantis

__all__ = ["Imported", "import_atlantis"]
