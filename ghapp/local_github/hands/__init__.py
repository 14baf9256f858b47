"""What a test or the demo does at GitHub by hand: people, repositories, Apps, buttons."""

from ghapp.local_github.hands.buttons import ButtonHands
from ghapp.local_github.hands.installing import AppHands
from ghapp.local_github.hands.people import PeopleHands
from ghapp.local_github.hands.repositories import RepositoryHands


class Hands(PeopleHands, RepositoryHands, AppHands, ButtonHands):
    """Mixed into `LocalGitHub`; every method takes the world's lock and may be called from any thread."""
