"""Pages that look like GitHub's, for people who try the demo. There is no login:
in the header, you choose which person you are.
"""

from ghapp.local_github.pages.site import Pages

__all__ = ["Pages"]
