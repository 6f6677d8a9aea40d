"""The checks of the parameter server's lab. Networks, clocks and weights are on this side; the
student's functions take the decisions, and what follows from them is judged.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from autograder import Wrong, check, close, typed

from .amounts import Peers, Setting, chosen_keys, flags, synchronous
from .service import Plan, Service
from .stories import (
    answers,
    brief,
    by_number,
    choice,
    eighths,
    flying_messages,
    judge_hinders,
    judge_ready,
    judged,
    operations,
    spelled,
    told,
    untouched,
)

CHAPTER = "distributed/parameter_server"

of_clocks = partial(check, task="clocks", section=f"{CHAPTER}#clocks-for-a-billion-keys")
of_order = partial(check, task="order", section=f"{CHAPTER}#nothing-acknowledged-is-lost")
of_patience = partial(check, task="patience", section=f"{CHAPTER}#how-old-may-a-weight-be")
of_bound = partial(check, task="bound", section=f"{CHAPTER}#how-old-may-a-weight-be")
of_books = partial(check, task="books", section=f"{CHAPTER}#nothing-acknowledged-is-lost")
of_sending = partial(check, task="sending", section=f"{CHAPTER}#saying-less")


# Clocks of ranges.


@of_clocks(
    points=6,
    title="agrees with a clock for each key",
    hint="A range that is partly inside falls into as many as three parts. Take the larger of two "
    "clocks: news may be old.",
)
def agrees_with_a_table(student, rng):
    for size, workers, first in ((1, 1, 0), (9, 3, 0), (12, 2, 40)):
        story = operations(rng, size, workers, 40)
        for what, ranges, same, table in told(student, size, workers, story, first):
            assert same is True, f"{what}: the ranges that were given have changed"
            for key in range(size):
                inside = [vector for begin, end, vector in ranges if begin <= first + key < end]
                want = table[key].tolist()
                assert inside == [want], (
                    f"{what}: expected {want} for key {first + key}, got {inside} in "
                    f"{spelled(ranges)}"
                )


@of_clocks(
    points=4,
    title="as few ranges as there are different neighbours",
    hint="A range that is set cuts at both its ends, and may become equal to what stands beside "
    "it, on either side. No range is empty. A vector is a tuple: no list is equal to one.",
    needs="agrees_with_a_table",
)
def few_ranges(student, rng):
    for size, workers in ((10, 2), (30, 3)):
        for what, ranges, _, table in told(
            student, size, workers, operations(rng, size, workers, 40)
        ):
            cuts = 1 + np.flatnonzero((table[1:] != table[:-1]).any(axis=1))
            want = [[int(a), int(b)] for a, b in zip([0, *cuts], [*cuts, size])]
            got = [each[:2] for each in ranges]
            assert got == want, f"{what}: expected ranges from and to {want}, got {spelled(ranges)}"


@of_clocks(
    points=3,
    title="the least clock of some keys",
    hint="Which ranges have a key between begin and end - 1? Answer in the order of places.",
)
def least_of_some(student, rng):
    for size, workers in ((8, 2), (20, 4)):
        cuts = [0, *sorted(rng.choice(np.arange(1, size), 4, replace=False).tolist()), size]
        vectors = rng.integers(-1, 5, (5, workers)).tolist()
        ranges = [list(each) for each in zip(cuts, cuts[1:], vectors)]
        table = np.repeat(vectors, np.diff(cuts), axis=0)
        questions = []
        for _ in range(20):
            begin, end = sorted(rng.choice(size + 1, 2, replace=False).tolist())
            places = rng.permutation(workers)[: int(rng.integers(1, workers + 1))].tolist()
            questions.append([begin, end, places])
        got = typed(student.run("lowest", ranges, questions), list, "what least returns")
        assert len(got) == len(questions), "expected an answer to each question"
        for (begin, end, places), clocks in zip(questions, got):
            want = table[begin:end].min(axis=0)[places].tolist()
            what = f"least({spelled(ranges)}, {begin}, {end}, {places})"
            clocks = typed(clocks, list[int], what)
            assert clocks == want, f"{what}: expected {want}, got {clocks}"


# Exactly once, in order.


@of_order(
    points=6,
    title="each item is due once, in order, as soon as the gap before it is filled",
    hint="One item may fill the gap before many. What is applied, or held, may come again.",
)
def once_in_order(student, rng):
    def judge(reply, applied, due, early, what):
        assert reply[:2] == [applied, due], (
            f"{what}: expected applied {applied} and due {due}, got {reply[0]} and {reply[1]}"
        )

    judged(student, rng, judge)


@of_order(
    points=4,
    title="holds what came too early, and nothing else",
    hint="What is due leaves held. What comes again after it was due must not go into it.",
    needs="once_in_order",
)
def holds_no_more(student, rng):
    def judge(reply, applied, due, early, what):
        assert reply[2] == early, f"{what}: expected {early} in held, got {reply[2]}"

    judged(student, rng, judge)


# May this pull be answered?


@of_patience(
    points=3,
    title="never when too few have come so far",
    hint="How many of the clocks are at `after` or beyond it? An average says nothing.",
)
def never_too_early(student, rng):
    judge_ready(student, rng, enough=False)
    assert student.call("ready", [3, 2], 1, 2) is True, "ready([3, 2], 1, 2): expected True"


@of_patience(
    points=3,
    title="always when enough have",
    hint="At `after` is far enough. A pull that need not wait for anybody (after < 0) never waits.",
)
def never_too_late(student, rng):
    judge_ready(student, rng, enough=True)
    assert student.call("ready", [3, 1], 2, 2) is False, "ready([3, 1], 2, 2): expected False"


@of_patience(
    points=7,
    title="no gap above s, and nobody waits below it",
    hint="In this run your functions take all decisions. The message says how far all workers had "
    "come; mend what the checks of single functions say first.",
)
def keeps_the_gap(student, rng):
    for plan in (Plan(4, 3, 0, 4), Plan(3, 6, 1, 3), Plan(2, 6, 3, 2), Plan(4, 3, 0, 3)):
        Service(student, plan, rng, judge=True).run()


@of_patience(
    points=6,
    title="BSP is serial SGD, bit for bit, on a network that loses and doubles",
    hint="Is a push ever applied twice, or lost? Is a pull ever answered before all are there?",
)
def bsp_is_serial(student, rng):
    for workers, clocks in ((2, 5), (4, 4)):
        service = Service(student, Plan(workers, clocks, 0, workers), rng, judge=False).run()
        close(service.weights, service.serial(), rtol=0, what=f"{service.plan}: the weights")


@of_patience(
    points=6,
    title="what was acknowledged survives the death of the server",
    hint="Its copy knows the ranges and `applied`, and nothing else. Do your functions keep "
    "something in a place of their own, beside what they are given?",
)
def survives(student, rng):
    for _ in range(2):
        deaths = tuple(np.round(np.sort(rng.uniform(1, 20, 3)), 1).tolist())
        plan = Plan(3, 5, 0, 3, deaths=deaths)
        service = Service(student, plan, rng, judge=False).run()
        close(service.weights, service.serial(), rtol=0, what=f"{plan}: the weights")


# Waiting for amounts. Eighths are never rounded.


@of_bound(
    points=7,
    title="waits where the sum would be too large",
    hint="Up or down: a sum of -3 is as far from 0 as one of 3. Look at each component by itself.",
)
def waits_where_it_must(student, rng):
    judge_hinders(student, rng, True)
    got = student.call("hinders", np.array([0.5]), np.array([0.25]), 1.0)
    assert not flags(got, 1).any(), "unseen 0.5, update 0.25, bound 1: expected it to go"


@of_bound(
    points=7,
    title="goes everywhere else",
    hint="Updates that take back what is unseen make the sum smaller. Exactly the bound may go. "
    "And what does a huge update wait for where nothing is unseen?",
)
def goes_where_it_may(student, rng):
    judge_hinders(student, rng, False)
    got = student.call("hinders", np.array([0.5]), np.array([1.5]), 1.0)
    assert flags(got, 1).all(), "unseen 0.5, update 1.5, bound 1: expected it to wait"


# What not everybody has seen.


@of_books(
    points=5,
    title="the sum of what is unsent and what is flying",
    hint="What was not sent is not seen either. What was given must stay as it was.",
)
def sums_what_is_unseen(student, rng):
    for size, count in ((1, 0), (4, 1), (6, 5), (10, 12)):
        unsent, flying = eighths(rng, size, 2), flying_messages(rng, size, 3, count)
        dense = [np.bincount(m[1], m[2], minlength=size) for m in flying]
        want = np.sum([unsent, *dense], axis=0)
        got = typed(student.run("sums", unsent, flying), list, "the sums")
        assert len(got) == 3, "expected the sum and what was given"
        close(got[0], want, rtol=0, what=f"unseen of {unsent.tolist()} and {count} messages")
        close(got[1], unsent, rtol=0, what="the array `unsent` that was given")
        plain = [[number, k.tolist(), v.tolist(), who] for number, k, v, who in flying]
        assert got[2] == plain, "unseen: the messages that were given have changed"


@of_books(
    points=8,
    title="forgets what everybody has seen, and nothing before",
    hint="`number` and all before it. News that is old, or was heard before, changes nothing. A "
    "message goes when nobody is left who has not seen it.",
)
def forgets_what_all_have_seen(student, rng):
    for workers, count in ((2, 6), (4, 8), (3, 1)):
        flying = flying_messages(rng, 5, workers, count)
        missing = [set(range(1, workers)) for _ in flying]
        news = [[int(rng.integers(1, workers)), int(rng.integers(0, 2 * count + 1))]
                for _ in range(6 * workers)]  # fmt: skip
        news += [[who, 2 * count] for who in range(1, workers)]
        got = typed(student.run("news", flying, news), list[list], "what is flying")
        assert len(got) == len(news), "expected what is flying after each piece of news"
        for k, ((who, upto), reply) in enumerate(zip(news, got)):
            for (number, *_), left in zip(flying, missing):
                if number <= upto:
                    left.discard(who)
            want = [
                [number, keys.tolist(), values.tolist(), sorted(left)]
                for (number, keys, values, _), left in zip(flying, missing)
                if left
            ]
            what = f"messages 2, 4, ..., {2 * count} to the workers 1 to {workers - 1}, news "
            what += f"{news[: k + 1]}: "
            assert len(reply) == 2, "expected what is flying, and whether the given is as it was"
            assert by_number(reply[0]) == want, (
                f"{what}expected {[(n, w) for n, _, _, w in want]} as numbers and who has not "
                f"seen it, got {brief(reply[0])}"
            )
            assert reply[1] is True, f"{what}what was given to seen has changed"


# What to send, and when.


@of_sending(
    points=5,
    title="sends what is large or in the way, and nothing else",
    hint="Half the bound is large enough, up or down. Zero is never worth 16 bytes.",
)
def sends_what_is_worth_it(student, rng):
    questions = [[*choice(rng, int(rng.integers(1, 12)), bound), 1000]
                 for bound in (0.0, 0.5, 1.0, 1.5, 3.0) for _ in range(8)]  # fmt: skip
    for (unsent, hindering, bound, _), got in zip(questions, answers(student, "chosen", questions)):
        want = (unsent != 0) & ((np.abs(unsent) >= bound / 2) | hindering)
        what = f"unsent {unsent.tolist()}, hindering at {np.flatnonzero(hindering).tolist()}, "
        what += f"bound {bound}"
        keys = chosen_keys(untouched(got, what), unsent.size)
        assert keys.tolist() == np.flatnonzero(want).tolist(), (
            f"{what}: expected the keys {np.flatnonzero(want).tolist()}, got {keys.tolist()}"
        )


@of_sending(
    points=6,
    title="the largest first, where there is not room for all",
    hint="Choose by size, up or down; then put the keys in order. Of equals, the smaller keys.",
    needs="sends_what_is_worth_it",
)
def largest_first(student, rng):
    questions = [[*choice(rng, int(rng.integers(4, 20)), 0.5), int(rng.integers(0, 130))]
                 for _ in range(40)]  # fmt: skip
    for (unsent, hindering, bound, room), got in zip(
        questions, answers(student, "chosen", questions)
    ):
        worth = np.flatnonzero((unsent != 0) & ((np.abs(unsent) >= bound / 2) | hindering))
        order = sorted(worth.tolist(), key=lambda key: (-abs(unsent[key]), key))
        want = sorted(order[: room // 16])
        what = f"unsent {unsent.tolist()}, worth sending {worth.tolist()}, {room} bytes"
        keys = chosen_keys(untouched(got, what), unsent.size).tolist()
        assert keys == want, f"{what}: expected the keys {want}, got {keys}"


def walks(rng, most):
    """Updates in eighths that have nothing to do with the weights."""
    return lambda who, weights: eighths(rng, weights.size, most)


@of_sending(
    points=5,
    title="goes within the bound, waits beyond it, and all agree in the end",
    hint="In this run your four functions take all decisions. Which of them does the message "
    "speak of?",
)
def keeps_the_bound(student, rng):
    for pace, bound, room in (((1, 1, 4), 2.0625, 64), ((1, 3), 0.8125, 32), ((1, 2), 4.0625, 200)):
        setting = Setting(pace, 5, 12, bound, room, walks(rng, 1))
        peers = Peers(student, setting, rng).run().flush()
        for who, worker in enumerate(peers.workers):
            what = f"{setting}: the weights of worker {who} when all is sent"
            close(worker.weights, peers.total, rtol=0, what=what)


@of_sending(
    points=4,
    title="updates that take each other back are not sent",
    hint="Each entry that is sent carries at least half the bound, or was in the way.",
)
def sends_little(student, rng):
    turns = {0: 1, 1: 1}

    def swing(who, weights):
        turns[who] = -turns[who]
        return np.full(weights.size, turns[who] / 8)

    def small(who, weights):
        return rng.integers(-1, 2, weights.size) / 8

    for pace, update in (((1, 1), swing), ((1, 1), small)):
        setting = Setting(pace, 4, 30, 4.0, 1000, update)
        peers = Peers(student, setting, rng, exact=False).run()
        for who, worker in enumerate(peers.workers):
            most = peers.paths[who].sum() / (setting.bound / 2)
            if worker.entries > most:
                raise Wrong(
                    f"{setting}: worker {who} has changed its weights by "
                    f"{peers.paths[who].sum():g} in all, in steps of 1/8: expected at most "
                    f"{most:g} entries sent, got {worker.entries}"
                )


@of_sending(
    points=5,
    title="with a straggler, sooner there than BSP",
    hint="The others may go on while the slow one reads. Are they ever stopped without need?",
)
def sooner_than_bsp(student, rng):
    size, workers = 6, 4
    best, curvature = rng.uniform(1, 2, size), rng.uniform(0.5, 1, size)

    def update(who, weights):
        return -0.15 / workers * curvature * (weights - best)

    def there(weights):
        return bool(np.linalg.norm(weights - best) < 0.1 * np.linalg.norm(best))

    setting = Setting((1.0, 1.0, 1.0, 6.0), size, 300, 0.15, 16 * size, update)
    seconds, made = synchronous(setting, rng, there)
    peers = Peers(student, setting, rng, exact=False).run(there)
    if not there(peers.total):
        raise Wrong(f"{setting}: {len(peers.totals)} updates did not come to 10 % of the distance")
    if peers.now > 0.6 * seconds or len(peers.totals) > 1.5 * made:
        raise Wrong(
            f"{setting}: BSP is at 10 % of the distance after {seconds:.1f} s and {made} updates; "
            f"expected at most {0.6 * seconds:.1f} s and {1.5 * made:.0f} updates, got "
            f"{peers.now:.1f} s and {len(peers.totals)}"
        )
