"""What a test or the demo does at GitHub by hand: people, repositories, Apps, buttons."""

from ghapp.demo.github.hands.buttons import ButtonHands
from ghapp.demo.github.hands.installing import AppHands
from ghapp.demo.github.hands.people import PeopleHands
from ghapp.demo.github.hands.repositories import RepositoryHands


class Hands(PeopleHands, RepositoryHands, AppHands, ButtonHands):
    """Mixed into `LocalGitHub`; every method takes the world's lock and may be called from any thread."""
