"""Facts from a tree's Terraform files, cached by git blob id so that no blob is parsed twice."""

from ghapp.facts.facts import Blobs, Facts

__all__ = ["Blobs", "Facts"]
