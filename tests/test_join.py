"""Parts that are found later join the person that they are of, whatever order the people come in."""

from dataclasses import fields, replace

import torch

from kmc_core.motion.types import Action, FaceMotion, Intent, Motion, Track
from kmc_core.perception.join import add_parts, join_people
from moving_person import person

FRAMES = 25
(WHOLE,) = person(FRAMES).tracks
OLD = Intent((Action("wave", 0, 9, 1.0),))


def at(ways: torch.Tensor | float, **only: bool) -> Track:
    """The person further right by `ways` [F] pixels, of whom the parts named in `only` are known."""
    way = torch.as_tensor(ways).expand(FRAMES)

    def moved(points: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        shift = torch.zeros_like(points)
        shift[..., 0] = way.reshape(-1, *[1] * (points.ndim - 2))
        return points + shift * (seen > 0)

    body, hands, face = WHOLE.body, WHOLE.hands, WHOLE.face
    assert body is not None and hands is not None and face is not None
    landmarks = moved(face.landmarks, torch.ones_like(face.landmarks[..., :1]))
    return Track(
        body=moved(body, body[..., 3:]) if only.get("body") else None,
        hands=moved(hands, hands[..., 3:]) if only.get("hands") else None,
        face=replace(face, landmarks=landmarks) if only.get("face") else None,
    )


def test_another_body_never_seen_beside_the_first_is_another_person() -> None:
    first, second = at(0.0, body=True), at(250.0, body=True)
    assert first.body is not None and second.body is not None
    first.body[FRAMES // 2 :] = 0
    second.body[: FRAMES // 2] = 0
    joined = join_people(motion(first), [second])
    assert joined.tracks[0] is first and joined.tracks[1] is second


def motion(*tracks: Track) -> Motion:
    return Motion(25.0, (640, 720), tracks)


def same(a: Track, **parts: object) -> bool:
    return all(getattr(a, name) is part for name, part in parts.items())


def test_bodies_join_their_own_faces_and_hands_through_a_crossing() -> None:
    to_right, to_left = torch.linspace(-200, 200, FRAMES), torch.linspace(200, -200, FRAMES)
    ann, bob = replace(at(to_right, face=True), name="ann"), replace(at(to_left, hands=True), name="bob")
    bodies = [at(to_left, body=True), at(to_right, body=True)]
    joined = join_people(motion(ann, bob), bodies).tracks
    assert [track.name for track in joined] == ["ann", "bob"]
    assert same(joined[0], body=bodies[1].body, face=ann.face, hands=None)
    assert same(joined[1], body=bodies[0].body, hands=bob.hands, face=None)


def test_who_is_in_no_track_gets_a_new_one() -> None:
    stranger, friend = at(300, body=True), at(0, body=True)
    first, second = join_people(motion(at(0, face=True)), [stranger, friend]).tracks
    assert first.face is not None and first.body is friend.body
    assert second is stranger
    (known, other) = join_people(motion(at(0, face=True)), [stranger]).tracks
    assert known.body is None and other is stranger, "one person, but not this one"


def test_a_new_body_takes_the_old_ones_place_with_its_metres_and_its_intent() -> None:
    old = replace(WHOLE, intent=OLD, name="ann")
    new = at(4, body=True)
    (track,) = join_people(motion(old), [new]).tracks
    assert same(track, body=new.body, hands=old.hands, face=old.face)
    assert track.world is None and track.intent is None and track.name == "ann"


def test_hands_of_mistaken_sides_are_still_theirs() -> None:
    hands = at(0, hands=True)
    assert hands.hands is not None
    flipped = replace(hands, hands=hands.hands.flip(1))
    other = at(400, body=True)
    tracks = join_people(motion(other, at(0, body=True)), [flipped]).tracks
    assert tracks[0] is other and tracks[1].hands is flipped.hands


def test_a_face_and_hands_join_where_nobody_else_is_there() -> None:
    face, hands = at(0, face=True), at(0, hands=True)
    (track,) = add_parts(motion(face), [hands]).tracks
    assert same(track, face=face.face, hands=hands.hands)
    three = add_parts(motion(face, at(300, face=True)), [hands]).tracks
    assert [track.hands is None for track in three] == [True, True, False]


def test_what_is_never_seen_is_at_no_place() -> None:
    face = at(0, face=True).face
    assert face is not None
    unseen = FaceMotion(**{f.name: 0 * getattr(face, f.name) for f in fields(FaceMotion)})
    tracks = motion(Track(face=unseen, name="nobody"), replace(at(0, face=True), name="ann"))
    bodies = join_people(tracks, [at(0, body=True)]).tracks
    assert [track.body is None for track in bodies] == [True, False]


def test_parts_of_known_bodies_join_in_their_order() -> None:
    tracks = motion(at(0, body=True), at(200, hands=True), replace(at(300, body=True), intent=OLD))
    faces = [at(1, face=True), at(2, face=True)]
    added = add_parts(tracks, faces).tracks
    assert [track.face for track in added] == [faces[0].face, None, faces[1].face]
    assert added[2].intent is OLD, "another face changes no action of the body"
