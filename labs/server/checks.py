"""The checks of the server's lab. Clock, network, users and servers are on this side."""

from __future__ import annotations

from functools import partial

import numpy as np

from autograder import Wrong, check, typed

from .world import A, B, World, arrivals, slow_ones, usual

CHAPTER = "serving/server"

of_clock = partial(check, task="clock", section=f"{CHAPTER}#answers-that-need-not-be-computed")
of_sharing = partial(check, task="coalesce", section=f"{CHAPTER}#answers-that-need-not-be-computed")
of_hedging = partial(check, task="hedge", section=f"{CHAPTER}#which-of-several-models")


def listed(value, length):
    """A reply that is a list of so many, as the probe makes it."""
    if len(typed(value, list, "the reply")) != length:
        raise Wrong(f"expected a reply of {length} parts, got {len(value)}")
    return value


# A second chance.


@of_clock(
    points=12,
    title="the first place that was not used, and bits taken away on the way",
    hint="The hand goes round: after the last place comes the first. A bit is cleared only where "
    "the hand passes over it, and the place that is found keeps its own.",
)
def second_chance_is_right(student, rng):
    stories = []
    for size in (1, 2, 5, 9, 16):
        used = (rng.random(size) < 0.6).tolist()
        stories.append([used, rng.integers(0, size, 6).tolist()])
        stories.append([[True] * size, [int(rng.integers(0, size))]])
    told = listed(student.run("places", stories), len(stories))
    for (used, hands), found in zip(stories, told, strict=True):
        found = [listed(each, 2) for each in listed(found, len(hands))]
        bits = list(used)
        for hand, (place, after) in zip(hands, found, strict=True):
            order = [(hand + step) % len(bits) for step in range(2 * len(bits))]
            want = next((p for p in order if not bits[p]), hand)
            before = list(bits)
            for passed in order[: order.index(want) if not all(bits) else len(bits)]:
                bits[passed] = False
            what = f"second_chance({before}, {hand})"
            assert type(place) is int and place == want, f"{what}: expected {want}, got {place}"
            assert after == bits, f"{what}: expected the bits {bits} afterwards, got {after}"


# Once for all who wait.


def told(student, users, seconds=1.0, fails=()):
    said = student.run("together", users, seconds, list(fails))
    if isinstance(said, str) and said == "waits for ever":
        raise Wrong(f"users {users}: somebody waits for ever")
    answers, begun, given_up, left = listed(said, 4)
    answers = [listed(answer, 2) for answer in listed(answers, len(users))]
    for text, at in answers:
        typed(text, str, "an answer"), typed(at, float, "a time")
    return answers, typed(begun, list[str]), typed(given_up, list[str]), typed(left, int)


@of_sharing(
    points=8,
    title="equal keys at the same time are computed once, others apart",
    hint="Who comes while a key is being computed waits for that computation. When it has ended, "
    "nothing of it is left: the next who comes begins a new one.",
)
def computed_once(student, rng):
    users = [
        ["k", 0.0, -1.0],
        ["k", 0.5, -1.0],
        ["m", 0.5, -1.0],
        ["k", 0.9, -1.0],
        ["k", 1.5, -1.0],
    ]
    found, begun, _, left = told(student, users)
    assert sorted(begun) == ["k", "k", "m"], (
        f"users come at 0, 0.5, 0.9 and 1.5 s for a key that takes 1 s, and at 0.5 s for another: "
        f"expected 2 and 1 computations, got {begun}"
    )
    want = [["k 1", 1.0], ["k 1", 1.0], ["m 1", 1.5], ["k 1", 1.0], ["k 2", 2.5]]
    for user, got, expected in zip(users, found, want):
        assert got[0] == expected[0] and abs(got[1] - expected[1]) < 1e-6, (
            f"who came at {user[1]} s for {user[0]!r}: expected {expected[0]!r} at {expected[1]} "
            f"s, got {got[0]!r} at {got[1]} s"
        )
    assert left == 0, f"all computations have ended, and under_way still has {left}"


@of_sharing(
    points=6,
    title="an error reaches all who wait, and is not kept",
    hint="What the computation raises, everyone gets who waits for it; the next one tries again.",
)
def errors_are_shared(student, rng):
    users = [["k", 0.0, -1.0], ["k", 0.5, -1.0], ["k", 2.0, -1.0]]
    found, begun, _, left = told(student, users, fails=["k"])
    assert [got[0] for got in found] == ["error: no k"] * 3, (
        f"a computation that raises ValueError('no k'): expected it for each of three, got {found}"
    )
    assert len(begun) == 2 and left == 0, (
        f"two came together and one later: expected 2 computations and none left, "
        f"got {len(begun)} and {left}"
    )


@of_sharing(
    points=8,
    title="who leaves does not take the answer along; the last one does",
    hint="The computation must belong to none of those who wait: see asyncio.shield. Count who "
    "waits; when nobody does, end it, and let nobody join it any more.",
)
def leaving(student, rng):
    users = [["k", 0.0, 0.3], ["k", 0.1, -1.0]]
    found, begun, given_up, _ = told(student, users)
    assert found[0][0] == "left" and found[1][0] == "k 1" and begun == ["k"], (
        f"the first of two leaves after 0.3 s: expected the other to get the only computation's "
        f"answer, got {found} from {len(begun)} computations"
    )
    assert abs(found[0][1] - 0.3) < 1e-6, f"who leaves at 0.3 s was kept until {found[0][1]} s"
    users = [["k", 0.0, 0.3], ["k", 0.1, 0.4], ["k", 0.6, -1.0]]
    found, begun, given_up, _ = told(student, users)
    assert given_up == ["k"], (
        f"both leave before the answer is there: expected the computation to be given up, "
        f"got {len(given_up)} that were"
    )
    assert found[2][0] == "k 2" and abs(found[2][1] - 1.6) < 1e-6, (
        f"who comes after both have left: expected a new computation's answer at 1.6 s, "
        f"got {found[2][0]!r} at {found[2][1]} s"
    )


# A second server for the slow.


def judged(world, count=None):
    """Each question has one answer, its own."""
    for number, each in enumerate(world.asked[:count]):
        texts = [text.strip() for _, text in each.answers]
        right = [b"answer %d of %s" % (number, name) for name in (b"a", b"b")]
        assert len(texts) == 1 and texts[0] in right, (
            f"question {number}: expected one answer, its own, got {texts}"
        )


def extra(world):
    """How many questions have gone to both servers."""
    return sum(len(each.servers) > 1 for each in world.asked)


@of_hedging(
    points=10,
    title="each question has one answer, its own, from whoever is first",
    hint="Many questions are under way at the same time. Ask a first, and always.",
)
def one_answer_each(student, rng):
    world = World(student, arrivals(rng, 150, 400.0), usual(rng, 150))
    judged(world)
    for number, each in enumerate(world.asked):
        assert each.servers and each.servers[0][1] == A, f"question {number}: a was not asked first"
        names = [name for _, name in each.servers]
        assert len({*names}) == len(names), f"question {number}: one server was asked twice"
        if len(each.servers) > 1:
            ends = [at + world.seconds[number, int(name == B)] for at, name in each.servers]
            assert each.answers[0][0] <= min(ends) + 1e-6, (
                f"question {number}: an answer was there at {min(ends):.4f} s, and the user got "
                f"one at {each.answers[0][0]:.4f} s"
            )


@of_hedging(
    points=14,
    title="a question that a is slow with takes at most six times the usual",
    hint="Every 40th answer takes 40 times as long. When is an answer late? When hardly any other "
    "took so long: keep their times.",
    needs="one_answer_each",
)
def tail_is_cut(student, rng):
    world = World(student, arrivals(rng, 240, 300.0), usual(rng, 240))
    judged(world)
    share_saved(world, 80, 0.005)


def share_saved(world, since, usually):
    """Most of the slow ones are not slow for their users. The budget may be spent for some."""
    slow = slow_ones(world, since)
    saved = sum(each.latency <= 6 * usually for each in slow)
    assert saved >= 0.7 * len(slow), (
        f"from question {since} on a takes {40e3 * usually:.0f} ms for {len(slow)} questions, "
        f"where {1e3 * usually:.0f} ms are usual: expected an answer of b within "
        f"{6e3 * usually:.0f} ms for nearly all, got {saved}"
    )


@of_hedging(
    points=14,
    title="no more than one question in twenty is asked twice, whatever happens",
    hint="If everything becomes slow, everything is late. A second server for each would double "
    "the load just then. Count what you have asked, and what twice.",
    needs="one_answer_each",
)
def load_is_bounded(student, rng):
    half, count = 110, 220
    seconds = np.concatenate([usual(rng, half), usual(rng, count - half, 0.05)])
    world = World(student, arrivals(rng, count, 200.0), seconds)
    judged(world)
    twice = np.cumsum([len(each.servers) > 1 for each in world.asked])
    for number in range(50, count):
        assert twice[number] <= 0.05 * (number + 1) + 2, (
            f"of the first {number + 1} questions {twice[number]} were asked twice: expected at "
            f"most {0.05 * (number + 1) + 2:.0f} (after question {half} both servers are ten times "
            f"as slow)"
        )
    assert twice[-1] > 0, "no question was asked twice, though some were very late"


@of_hedging(
    points=8,
    title="what is late is learned anew when both servers have become quicker",
    hint="Forget old times: keep the last fifty or hundred.",
    needs="tail_is_cut",
)
def adapts(student, rng):
    slow, quick = 240, 220
    seconds = np.concatenate([usual(rng, slow, 0.02), usual(rng, quick)])
    world = World(student, arrivals(rng, slow + quick, 100.0), seconds)
    judged(world)
    share_saved(world, slow + 110, 0.005)


@of_hedging(
    points=10,
    title="whoever is not needed any more is told so",
    hint="Cancel what you have asked and do not wait for; also if your own caller gives up.",
    needs="one_answer_each",
)
def losers_are_told(student, rng):
    world = World(student, arrivals(rng, 120, 300.0), usual(rng, 120))
    judged(world)
    assert extra(world) > 0, "no question was asked twice, though some were very late"
    for number, each in enumerate(world.asked):
        if len(each.servers) > 1:
            ends = {name: at + world.seconds[number, int(name == B)] for at, name in each.servers}
            loser = max(ends, key=lambda name: ends[name])
            told_at = [at for at, name in each.given_up if name == loser]
            assert told_at and told_at[0] <= each.answers[0][0] + 1e-6, (
                f"question {number} was answered at {each.answers[0][0]:.4f} s, and server {loser} "
                f"was not told, though it works until {ends[loser]:.4f} s"
            )


@of_hedging(
    points=10,
    title="a server that fails is no failure",
    hint="If a fails, b is asked at once, and that is no question of lateness. Only if both have "
    "failed has the question: then raise ConnectionError.",
)
def failures_are_covered(student, rng):
    seconds = usual(rng, 60)
    seconds[10:40:3, 0] = np.nan
    seconds[[13, 25], 1] = np.nan
    world = World(student, arrivals(rng, 60, 100.0), seconds)
    for number, each in enumerate(world.asked):
        both = np.isnan(seconds[number]).all()
        texts = [text.strip() for _, text in each.answers]
        if both:
            assert texts == [b"failed"], (
                f"question {number}: both servers fail; expected ConnectionError, got {texts}"
            )
        elif np.isnan(seconds[number, 0]):
            assert texts == [b"answer %d of b" % number], (
                f"question {number}: a fails after 1 ms; expected b's answer, got {texts}"
            )
            asked_b = [at for at, name in each.servers if name == B]
            assert asked_b and asked_b[0] - each.at < 0.0015, (
                f"question {number}: a fails after 1 ms; b was not asked at once"
            )
