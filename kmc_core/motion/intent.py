"""Intent: what a person means, read from a motion by rules: contacts, and actions with frame ranges."""

from .actions import find_actions
from .contacts import find_contacts, find_feet
from .solid import solid
from .types import Intent, Track


def find_intent(track: Track, fps: float) -> Intent:
    """Contacts and named actions of one person; empty without a body."""
    body = solid(track)
    if body is None:
        return Intent()
    contacts = find_contacts(body, find_feet(track), fps)
    return Intent(find_actions(track, body, contacts, fps), contacts)
