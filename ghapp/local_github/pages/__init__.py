"""Pages that look like GitHub's, for people who try the demo: no login, one chooses in the header who one is."""

from ghapp.local_github.pages.site import Pages

__all__ = ["Pages"]
