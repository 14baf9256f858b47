"""Pages that look like GitHub's, for people who try the demo. There is no login: the header has a choice of people."""

from ghapp.local_github.pages.site import Pages

__all__ = ["Pages"]
