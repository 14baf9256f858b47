"""Chat: messages, their texts, and their delivery."""

from ghapp.notify.delivery import Delivered, NotSent, Refused, Sent, deliver
from ghapp.notify.messages import (
    Applied,
    EnvironmentResult,
    Failed,
    Kind,
    Message,
    PromotionDecided,
    PullRequestLink,
    Waiting,
)

__all__ = [
    "Applied",
    "Delivered",
    "EnvironmentResult",
    "Failed",
    "Kind",
    "Message",
    "NotSent",
    "PromotionDecided",
    "PullRequestLink",
    "Refused",
    "Sent",
    "Waiting",
    "deliver",
]
