"""The controls for tests and the demo: create people, repositories and Apps, and press buttons."""

from ghapp.local_github.controls.buttons import ButtonControls
from ghapp.local_github.controls.installing import AppControls
from ghapp.local_github.controls.people import PeopleControls
from ghapp.local_github.controls.repositories import RepositoryControls


class Controls(PeopleControls, RepositoryControls, AppControls, ButtonControls):
    """A mixin of `LocalGitHub`. Every method takes the world's lock, and may be called from any thread."""
