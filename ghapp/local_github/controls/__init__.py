"""What a test or the demo can set up and do: people, repositories, Apps, buttons."""

from ghapp.local_github.controls.buttons import ButtonControls
from ghapp.local_github.controls.installing import AppControls
from ghapp.local_github.controls.people import PeopleControls
from ghapp.local_github.controls.repositories import RepositoryControls


class Controls(PeopleControls, RepositoryControls, AppControls, ButtonControls):
    """A mixin of `LocalGitHub`. Every method takes the world's lock, and may be called from any thread."""
