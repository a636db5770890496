"""Intent: what a person means, read from a motion by rules: contacts, and actions with frame ranges."""

from .contacts import find_contacts, find_feet
from .solid import solid
from .types import Intent, Track


def find_intent(track: Track, fps: float) -> Intent:
    """Contacts and named actions of one person."""
    body = solid(track)
    contacts = () if body is None else find_contacts(body, find_feet(track), fps)
    return Intent((), contacts)
