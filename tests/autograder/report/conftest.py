"""Results of a small lab, written by hand, and what a browser makes of a page."""

import random
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from autograder.results import CheckResult, Graded, LabResult

WORTH = (("once", "walk", 4, False), ("dead", "walk", 6, False), ("count", "stop", 10, False))


class Skeleton(HTMLParser):
    """A page without its texts: tags with their attributes' names; its links, ids and words."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words = [], [], []
        self.feed(source)
        self.close()
        self.text = "".join(self.words)
        self.ids = [given["id"] for _, given in self.attributes if "id" in given]
        self.links = [
            value
            for _, given in self.attributes
            for name, value in given.items()
            if name in ("href", "src", "action", "srcset", "data")
        ]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, *sorted(name for name, _ in attrs)))
        self.attributes.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


class Results:
    """Makes results of a lab called toy, or of another name."""

    @staticmethod
    def labs(*names):
        tasks = [SimpleNamespace(name="walk", title="Walk along")]
        tasks.append(SimpleNamespace(name="stop", title="Stop there"))
        return {name: SimpleNamespace(name=name, tasks=tasks) for name in names or ("toy",)}

    @staticmethod
    def one(student, shares, text="expected 1, got 2", worth=WORTH, **changes):
        checks = []
        for (name, task, points, hidden), share in zip(worth, shares, strict=True):
            told = {"message": text, "hint": text, "section": "a/b#c", "printed": text}
            told = {} if share == 1 else {"reason": "wrong", **told}
            score, title = share * points, f"title of {name}"
            checks.append(CheckResult(name, task, title, points, score, hidden=hidden, **told))
        about = {"student": student, "lab": "toy", "lab_title": "Toy", "lab_version": "sha256:v"}
        about |= {"submission": "sha256:0", "tier": "T3", "key": "course"}
        return LabResult(**(about | {"checks": tuple(checks)} | changes))

    @staticmethod
    def graded(result, source=None, moment=1e9):
        return Graded(source or f"{result.lab}-{result.student}.zip", moment, result)

    @classmethod
    def class_of(cls, size, seed=0, **changes):
        rng = random.Random(seed)
        for k in range(size):
            skill = rng.random()
            shares = [rng.choice((0, 0.5)) if rng.random() > skill else 1 for _ in WORTH]
            yield cls.graded(cls.one(f"Student {k:03}", shares, **changes))


@pytest.fixture(scope="session")
def results():
    return Results


@pytest.fixture(scope="session")
def skeleton():
    return Skeleton
