"""Convert Atlantis' repository config to Planward's: each key is converted, or listed with the reason why it is not.

Start with `importer`; `projects` and `workflows` are its parts, `keys` has the reasons, and `writer` writes the file.

https://www.runatlantis.io/docs/repo-level-atlantis-yaml.html
"""

from ghapp.atlantis.importer import Imported, import_atlantis

__all__ = ["Imported", "import_atlantis"]
