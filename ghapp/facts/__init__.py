"""Facts from the files of a tree: those of Terraform, cached by git blob id so that no blob is parsed twice, and the
config."""

from ghapp.facts.configs import Configs
from ghapp.facts.facts import Blobs, Facts

__all__ = ["Blobs", "Configs", "Facts"]
