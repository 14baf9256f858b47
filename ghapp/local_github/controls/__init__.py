"""Set-up and actions of a test or the demo: people, repositories, Apps, buttons."""

from ghapp.local_github.controls.buttons import ButtonControls
from ghapp.local_github.controls.installing import AppControls
from ghapp.local_github.controls.people import PeopleControls
from ghapp.local_github.controls.repositories import RepositoryControls


class Controls(PeopleControls, RepositoryControls, AppControls, ButtonControls):
    """Mixed into `LocalGitHub`; every method takes the world's lock and may be called from any thread."""
