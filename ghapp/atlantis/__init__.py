"""Atlantis' repository config made into Planward's: every key is carried over, or named with the reason why not.

`importer` reads top to bottom; `projects` and `workflows` its parts; `keys` the reasons; `writer` the file.

https://www.runatlantis.io/docs/repo-level-atlantis-yaml.html
"""

from ghapp.atlantis.importer import Imported, import_atlantis

__all__ = ["Imported", "import_atlantis"]
