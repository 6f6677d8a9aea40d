"""The checks of lab 0: batches with planted faults, worlds with planted drift, a review's form."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import numpy as np

from autograder import Score, Wrong, check, close, typed

COLUMNS = {  # column: lowest and highest value of a good row
    "km": (0.1, 30.0),
    "items": (1.0, 40.0),
    "hour": (0.0, 23.0),
    "minutes": (1.0, 180.0),
}
CALM, DAYS = 30, 60


# The gate.


@check(
    task="gate",
    points=12,
    title="deploys the model with the smaller mean error",
    hint="Both errors are mean absolute differences on the holdout; mean_error is given.",
    section="foundations/introduction#gate-and-serve",
)
def gate_deploys_the_better(student, rng):
    for _ in range(20):
        minutes, ours, theirs = _promises(rng)
        errors = [float(np.abs(promised - minutes).mean()) for promised in (ours, theirs)]
        decision = _decision(student, ours, theirs, minutes)
        close(decision["candidate_error"], errors[0], what="candidate_error")
        close(decision["incumbent_error"], errors[1], what="incumbent_error")
        if typed(decision["deploy"], bool, "deploy") != (errors[0] < errors[1]):
            said = f"errors {errors[0]:.2f} (candidate) and {errors[1]:.2f} (in service)"
            raise Wrong(f"expected deploy={errors[0] < errors[1]} for {said}, got the opposite")


@check(
    task="gate",
    points=8,
    title="keeps what is in service when in doubt",
    hint="Think of a tie, of a candidate that promises NaN, and of a holdout without orders.",
    section="foundations/introduction#gate-and-serve",
)
def gate_is_careful(student, rng):
    minutes, ours, theirs = _promises(rng)
    broken = np.full_like(ours, np.nan)
    for what, candidate in (("ties with the old one", theirs), ("promises NaN", broken)):
        if _decision(student, candidate, theirs, minutes)["deploy"] is not False:
            raise Wrong(f"a candidate that {what} should not be deployed, but it was")
    kind, _ = student.run_raises("decide", ours, theirs, np.zeros(0))
    if kind != "ValueError":
        came = f"it raised {kind}" if kind else "it returned"
        raise Wrong(f"a holdout without orders should raise ValueError; {came}")


def _decision(student, candidate, incumbent, minutes):
    decision = student.run("decide", candidate, incumbent, minutes)
    names = {"deploy", "candidate_error", "incumbent_error"}
    if not (isinstance(decision, dict) and set(decision) == names):
        raise Wrong(f"gate should return a Decision, got {decision!r:.60}")
    return decision


def _promises(rng):
    minutes = rng.uniform(10, 60, rng.integers(5, 200))
    spread = rng.uniform(1, 9, 2)
    ours, theirs = (minutes + s * rng.standard_normal(len(minutes)) for s in spread)
    return minutes, ours, theirs


# Validation.


@check(
    task="validate",
    points=12,
    title="names and counts missing values and values out of range",
    hint="NaN is missing, not out of range; infinity is out of range; look at every column.",
    section="foundations/introduction#validate",
)
def validate_names_bad_rows(student, rng):
    for _ in range(10):
        columns, planted = _batch(rng, int(rng.integers(20, 200))), []
        for column in rng.permutation(list(COLUMNS))[: rng.integers(1, 4)]:
            planted += _spoil_rows(rng, columns, str(column))
        _same_problems(student, columns, planted)


@check(
    task="validate",
    points=8,
    title="names wrong types and lengths, and lets good batches pass",
    hint="Whole numbers are numbers too; True and False are not, and complex numbers are not real. "
    "The ends of a range belong to it. A column with the wrong type or length is not looked at row "
    "by row.",
    section="foundations/introduction#validate",
)
def validate_names_bad_columns(student, rng):
    good = _batch(rng, 50)
    _same_problems(student, good, [])
    _same_problems(student, _batch(rng, 0), [])
    ends = {name: np.array(COLUMNS.get(name, (1, 1))) for name in good}
    _same_problems(student, ends | {"hour": np.array([0, 23])}, [])
    words = good | {"items": ["two"] * 50, "km": good["km"] * 1000}
    _same_problems(student, words, [["RANGE", "km", 50], ["TYPE", "items", 50]])
    for wrong in (good["km"] > 2, good["km"] + 0j):
        _same_problems(student, good | {"km": wrong}, [["TYPE", "km", 50]])
    short = good | {"km": good["km"][:-7], "hour": np.append(good["hour"], [99.0, np.nan])}
    _same_problems(student, short, [["LENGTH", "km", 7], ["LENGTH", "hour", 2]])


def _batch(rng, n):
    good = {name: rng.uniform(low, high, n) for name, (low, high) in COLUMNS.items()}
    return {"day": np.full(n, 3), **good}


def _spoil_rows(rng, columns, column):
    """Put missing and out-of-range values into a column; the problems that this makes."""
    (low, high), values = COLUMNS[column], columns[column]
    rows = rng.permutation(len(values))
    missing, outside = int(rng.integers(0, 6)), int(rng.integers(1, 6))
    values[rows[:missing]] = np.nan
    bad = rng.choice([low - 0.01, -1e6, high + 0.01, high * 1000, np.inf], outside)
    values[rows[missing : missing + outside]] = bad
    planted = [["RANGE", column, outside]]
    return planted + ([["MISSING", column, missing]] if missing else [])


def _same_problems(student, columns, planted):
    got = typed(student.run("problems", columns), list[list[str | int]], "the problems")
    if sorted(map(str, got)) != sorted(map(str, planted)):
        sizes = ", ".join(f"{name}: {len(v)} {_dtype(v)}" for name, v in columns.items())
        raise Wrong(f"expected the problems {planted}, got {got}, for the columns ({sizes})")


def _dtype(values):
    kind = np.asarray(values).dtype
    return "texts" if kind.kind == "U" else kind.name


# The alarm. The grader plays the world; the student's function sees the past only. Services are
# drawn in batches until their mean is further from what is allowed than luck can carry it; an
# answer that is still undecided after the last batch passes. At the limit itself fewer than one
# answer in a thousand fails.

BATCH, BATCHES = 50, 24  # services in a batch
LUCK = 3.9  # standard errors of the mean
RINGS, STEP, CREEP = 0.1, 12, 21  # allowed: share of rings for nothing, days after a change


@check(
    task="alarm",
    points=13,
    title="is quiet while nothing changes, and awake when much does",
    hint="60 days are 60 chances to cross a line: what is rare on one day is not rare in all. And "
    "30 calm days tell the level only to a fifth of a deviation or so; a sum or mean of many days "
    "adds that error up too. Ask for more evidence, or subtract more from each day.",
    section="foundations/introduction#monitor",
)
def rings_seldom_for_nothing(student, rng):
    starts = rng.integers(3, 30, 10)
    days = _first_rings(student, *_worlds(rng, [_step(8.0)] * 10), starts)
    late = sum(day - start > 2 for day, start in zip(days, starts, strict=True))
    if late:
        raise Wrong(f"{late} of 10 alarms had not rung 3 days after a jump of 8 deviations")
    rang, over = _sampled(student, rng, _step(0.0), lambda days, _: np.array(days) < DAYS, RINGS)
    if over:
        count, share = len(rang), float(np.mean(rang))
        most = next(n for n in range(count, 0, -1) if not _is_over([1] * n + [0] * (count - n)))
        return Score(
            max(0.0, 1 - (share - RINGS) / (3 * RINGS)) / 2,
            f"{sum(rang)} of {count} services rang within {DAYS} days though nothing changed; "
            f"{int(count * RINGS)} of them may, and up to {most} would have passed as bad luck",
        )
    return None


@check(
    task="alarm",
    points=12,
    title=f"sees a rise of 1.5 deviations within {STEP} days on average",
    hint="One such day is nothing remarkable; ten in a row are. Add up evidence over days, and "
    "let it fade when a day is normal.",
    section="foundations/introduction#monitor",
)
def rings_soon_after_a_step(student, rng):
    return _mean_delay(student, rng, _step(1.5), STEP)


@check(
    task="alarm",
    points=10,
    title="sees a slow rise, and only a rise, in any unit",
    hint="Errors that fall are good news. Divide by the spread of the calm days, so that minutes "
    "and euros look alike.",
    section="foundations/introduction#monitor",
)
def rings_for_what_gets_worse(student, rng):
    better = _worlds(rng, [_step(-3.0)] * 30)
    rang = sum(day < DAYS for day in _first_rings(student, *better, [0] * 30))
    if rang > 10:
        raise Wrong(f"{rang} of 30 services rang after their error had fallen; at most 3 should")
    return _mean_delay(student, rng, lambda age: 0.1 * (age + 1), CREEP)


def _step(deviations):
    return lambda age: deviations + 0.0 * age


def _worlds(rng, changes):
    """Level and spread of each service, its noise (services, days), and how it changes."""
    units = np.exp(rng.uniform(-3, 5, (len(changes), 1)))
    level, spread = units * rng.uniform(2, 20, (len(changes), 1)), units
    return level, spread, rng.standard_normal((len(changes), CALM + DAYS)), changes


def _first_rings(student, level, spread, noise, changes, starts):
    """The day on which each service rings first; DAYS if it never does."""
    for row, change, start in zip(noise, changes, starts, strict=True):
        row[CALM + start :] += change(np.arange(DAYS - start))
    errors, first = level + spread * noise, np.full(len(changes), DAYS)
    for day in range(DAYS):
        asked = np.flatnonzero(first == DAYS)
        if not len(asked):
            break
        past = np.ascontiguousarray(errors[asked, : CALM + day + 1])
        answers = typed(student.run("rings_today", past, CALM), list[bool], "the answers of rings")
        if len(answers) != len(asked):
            raise Wrong(f"expected {len(asked)} answers of rings, got {len(answers)}")
        first[asked[answers]] = day
    return first.tolist()


def _sampled(student, rng, change, measure, allowed):
    """What ``measure`` makes of services drawn until it is sure, and whether it is too much."""
    values, over = [], None
    for _ in range(BATCHES):
        starts = rng.integers(0, 15, BATCH)
        days = _first_rings(student, *_worlds(rng, [change] * BATCH), starts)
        values += list(measure(days, starts))
        if (over := _is_over(values, allowed)) is not None:
            break
    return values, bool(over)


def _is_over(values, allowed=RINGS):
    """Whether the true mean is above what is allowed; None while luck could explain either."""
    luck = LUCK * float(np.std(values)) / len(values) ** 0.5
    beyond = float(np.mean(values)) - allowed
    return None if abs(beyond) <= luck else beyond > 0


def _delays(days, starts):
    delays = [day - start for day, start in zip(days, starts, strict=True) if day >= start]
    if len(delays) < BATCH / 2:
        early = BATCH - len(delays)
        raise Wrong(f"{early} of {BATCH} services rang before anything had changed")
    return delays


def _mean_delay(student, rng, change, allowed):
    delays, over = _sampled(student, rng, change, _delays, allowed)
    if not over:
        return None
    mean, luck = float(np.mean(delays)), LUCK * float(np.std(delays)) / len(delays) ** 0.5
    return Score(
        max(0.0, 1 - (mean - allowed) / allowed) / 2,
        f"expected an alarm within {allowed} days on average, got {mean:.1f} over {len(delays)} "
        f"services; up to {allowed + luck:.1f} would have passed as bad luck",
    )


# The review: its form, not its opinion.

WORDS = {"problem": 25, "metric": 15, "idea": 25, "evidence": 30, "limits": 25}  # at least
VERDICTS = ("strong reject", "weak reject", "weak accept", "strong accept")
ROLES = ("advocate", "critic", "neutral")
READ = "foundations/introduction#how-to-read-and-review-a-systems-paper"
NUMBER = r"\d+(?:\.\d+)*"
CITED = re.compile(  # Figure 9, Fig. 9, Figures 9 and 10, Tables 1, 2 and 3, §5.1, §§5 and 6
    rf"(?:\b(fig|tab|sec)(?:ure|le|tion)?(s?)|(§)(§?))[.~\s]*({NUMBER}(?:[,&–\s-]+(?:and\s+)?{NUMBER})*)",
    re.IGNORECASE,
)


@check(
    task="review",
    points=10,
    title="says which paper, and fills every field in words of its own",
    hint="Each field has a least number of words, in the comment above it.",
    section=READ,
)
def review_is_complete(student, rng):
    review = _review(student)
    faults = [f"{n} is empty" for n in ("title", "authors") if not _field(review, n, str).strip()]
    if not 1940 <= _field(review, "year", int) <= 2100:
        faults.append(f"year should be the year of the paper, got {review['year']!r:.60}")
    texts = {name: _field(review, name, str) for name in WORDS}
    for name, least in WORDS.items():
        faults += _too_little(name, texts[name], least)
    filled = [text for text in texts.values() if text.strip()]
    if len(set(filled)) < len(filled):
        faults.append("two fields have the same text; each asks something else")
    _none(faults)


@check(
    task="review",
    points=8,
    title="its evidence points at figures, tables or sections",
    hint='Write "Figure 9", "Tables 3 and 4" or "Section 5.1": the word, then the number.',
    section=READ,
)
def review_cites_evidence(student, rng):
    cited = _cited(_field(_review(student), "evidence", str))
    if len(cited) < 2:
        has = ", ".join(f"{kind} {number}" for kind, number in sorted(cited)) or "none"
        raise Wrong(f"evidence should cite at least 2 figures, tables or sections; it has {has}")


@check(
    task="review",
    points=7,
    title="takes a role, asks questions, and gives a verdict with a reason",
    hint="The scale and the roles stand in the comments of review.toml. A question has 6 words or "
    "more and ends with a question mark.",
    section=READ,
)
def review_takes_a_stand(student, rng):
    review, faults = _review(student), []
    for name, choices in (("role", ROLES), ("verdict", VERDICTS)):
        if _field(review, name, str).strip().lower() not in choices:
            faults.append(f"{name} should be one of {', '.join(choices)}; got {review[name]!r:.60}")
    faults += _too_little("reason", _field(review, "reason", str), 20)
    unasked = _questions_missing(_field(review, "questions", list))
    _none(faults and faults + unasked)
    return Score(0.5, "\n".join(unasked)) if unasked else None


def _review(student) -> dict[str, Any]:
    try:
        return tomllib.loads(student.text("review.toml"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Wrong(f"review.toml cannot be read as TOML: {error}") from None


def _field(review, name, kind):
    if name not in review:
        raise Wrong(f"review.toml should have a field {name}; it has {', '.join(review)[:200]}")
    if kind is list and type(review[name]) is not list:
        raise Wrong(f"{name} should be a list in [ ], got {review[name]!r:.60}")
    return review[name] if kind is list else typed(review[name], kind, name)


def _none(faults):
    """All the faults at once, one in a line."""
    if faults:
        raise Wrong("\n".join(faults))


def _too_little(name, text, least):
    words = re.findall(r"\w[\w'’-]*", text.lower())
    if len(words) < least:
        yield f"{name} should have at least {least} words, got {len(words)}"
    if words and len(set(words)) < min(least, len(words)) / 2:
        yield f"{name}: of its {len(words)} words only {len(set(words))} differ; use sentences"


def _cited(text):
    """The kind and number of each figure, table and section that a text names."""
    found = set()
    for kind, plural, sign, signs, numbers in CITED.findall(text):
        listed = re.findall(NUMBER, numbers)
        named = listed if plural or signs else listed[:1]  # "Figure 9, 10 times faster" is one
        found |= {((kind or sign).lower(), number) for number in named}
    return found


def _questions_missing(questions):
    """What is wrong with each question that does not count, if fewer than two do."""
    texts = [q if isinstance(q, str) else "" for q in questions]
    good = {q for q in texts if q.rstrip().endswith("?") and len(q.split()) >= 6}
    if len(good) >= 2:
        return []
    faults = [f"questions should hold 2 different ones that count, got {len(good)}"]
    for number, q in enumerate(texts[:10], 1):
        words, ends = len(q.split()), "ends" if q.rstrip().endswith("?") else "does not end"
        if q not in good:
            faults.append(f"question {number} has {words} words of at least 6, and {ends} with ?")
    return faults
