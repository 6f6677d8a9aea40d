"""Votes: by those that are there, at the deadline, and with a confidence that says so."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.batching.virtual import run_virtual
from mlsys.serving.server.ensembles import Ensemble, combined, losses
from mlsys.serving.server.errors import ModelFault, ProtocolError, TimedOut
from mlsys.serving.server.selection import Shares
from mlsys.serving.server.tensors import Info, Spec, check_outputs
from mlsys.serving.server.versions import Catalogue

X = {"x": np.zeros((2, 3))}


class Member:
    """Says the same class of all rows, after a while; or fails."""

    def __init__(self, label=0, seconds=0.0, error=None, classes=4, **about):
        given = {"inputs": (Spec("x", "FP64", (3,)),), "batched": True} | about
        output = (Spec("p", "FP64", (classes,)),)
        self.info = Info("member", "1", "test", outputs=output, **given)
        self.label, self.seconds, self.error, self.classes = label, seconds, error, classes
        self.begun = self.ended = self.closed = 0

    async def predict(self, inputs, seconds):
        self.begun += 1
        await asyncio.sleep(self.seconds)
        self.ended += 1
        if self.error:
            raise self.error
        return {"p": np.tile(np.eye(self.classes)[self.label], (len(inputs["x"]), 1))}

    async def close(self):
        self.closed += 1


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**32 - 1), st.data())
def test_the_vote_is_the_weighted_mean_of_those_that_are_there(members, rows, seed, data):
    rng = np.random.default_rng(seed)
    scores, shares = rng.random((members, rows, 3)), rng.dirichlet(np.ones(members))
    there = data.draw(st.lists(st.booleans(), min_size=members, max_size=members).filter(any))
    opinion = combined([s if t else None for s, t in zip(scores, there)], shares)
    expected = np.average(scores[there], axis=0, weights=shares[there])
    np.testing.assert_allclose(opinion.scores, expected)
    assert opinion.there.tolist() == there
    for row in range(rows):
        winner = expected[row].argmax()
        agree = sum(t and s[row].argmax() == winner for s, t in zip(scores, there))
        assert opinion.confidence[row] == pytest.approx(agree / members)
    lost = losses(opinion, np.zeros(rows, int))
    assert np.isnan(lost).tolist() == [not each for each in there]
    np.testing.assert_allclose(lost[there], (scores[there].argmax(axis=2) != 0).mean(axis=1))


def test_shares_of_zero_are_no_hole_to_fall_into():
    opinion = combined([np.array([[0.2, 0.8]]), None], np.array([0.0, 1.0]))
    np.testing.assert_allclose(opinion.scores, [[0.2, 0.8]])


def test_at_the_deadline_it_answers_with_those_that_are_there():
    async def main():
        members = [Member(1, 0.1), Member(1, 0.2), Member(2, 0.3), Member(2, 50.0)]
        ensemble = Ensemble("vote", members, patience=1.0)
        loop = asyncio.get_running_loop()
        outputs = await ensemble.predict(X)
        assert loop.time() == 1.0
        check_outputs(ensemble.info, outputs, 2)
        assert outputs["scores"].argmax(axis=1).tolist() == [1, 1]
        assert outputs["confidence"].tolist() == [0.5, 0.5]  # two of four, of whom one was late
        assert (await ensemble.ask(X, seconds=0.25)).there.tolist() == [True, True, False, False]
        assert loop.time() == 1.25 and ensemble.late == 3
        await asyncio.sleep(100)
        assert members[3].ended == 0  # whom nobody waits for is not kept at it

    run_virtual(main())


def test_it_does_not_wait_for_the_deadline_if_all_are_there():
    async def main():
        ensemble = Ensemble("vote", [Member(1, 0.1), Member(1, 0.4)], patience=1.0)
        assert (await ensemble.predict(X))["confidence"].tolist() == [1, 1]
        assert asyncio.get_running_loop().time() == pytest.approx(0.4)

    run_virtual(main())


def test_who_fails_is_missing_and_if_all_fail_it_says_why():
    async def main():
        broken = Member(error=ModelFault("it is broken"))
        ensemble = Ensemble("vote", [broken, Member(3)])
        assert (await ensemble.ask(X)).votes.tolist() == [[-1, -1], [3, 3]]
        with pytest.raises(ModelFault, match="it is broken"):
            await Ensemble("vote", [broken, broken]).ask(X)
        with pytest.raises(TimedOut, match=r"none of 2 models has answered within 0\.5 s"):
            await Ensemble("vote", [Member(0, 9), Member(1, 9)], patience=0.5).ask(X)

    run_virtual(main())


def test_who_is_wrong_is_listened_to_less():
    async def main():
        members = [Member(1), Member(2), Member(2), Member(1, 99.0)]
        ensemble = Ensemble("vote", members, patience=1.0, shares=Shares(4, 1.0))
        truth = np.array([1, 1])
        assert (await ensemble.ask(X)).labels.tolist() == [2, 2]  # two against one
        for _ in range(3):
            ensemble.learn(await ensemble.ask(X), truth)
        assert (await ensemble.ask(X)).labels.tolist() == [1, 1]
        expected = np.array([1, math.exp(-3), math.exp(-3)])
        np.testing.assert_allclose(ensemble.shares.values[:3], 0.75 * expected / expected.sum())
        assert ensemble.shares.values[3] == pytest.approx(0.25)  # it has said nothing

    run_virtual(main())


def test_a_client_that_goes_away_takes_the_questions_along():
    async def main():
        members = [Member(1, 5.0), Member(2, 5.0)]
        task = asyncio.create_task(Ensemble("vote", members).ask(X))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.sleep(100)
        assert task.cancelled() and [each.ended for each in members] == [0, 0]

    run_virtual(main())


def test_it_is_an_endpoint_like_others():
    async def main():
        catalogue, members = Catalogue(), [Member(1), Member(1)]
        catalogue.add(Ensemble("vote", members, version="7"))
        info, outputs = await catalogue.predict("vote", None, X)
        assert info.version == "7" and outputs["scores"].shape == (2, 4)
        await catalogue.close()
        assert [each.closed for each in members] == [1, 1]

    run_virtual(main())


@pytest.mark.parametrize(
    "others",
    [
        [],
        [Member(), Member(inputs=(Spec("y", "FP64", (3,)),))],
        [Member(), Member(classes=3)],
        [Member(), Member(batched=False)],
    ],
)
def test_members_have_to_fit_together(others):
    with pytest.raises(ValueError, match=r"ensemble|classes"):
        Ensemble("vote", others)


def test_mistakes_of_the_request_are_told_as_such():
    async def main():
        strict = Member(error=ProtocolError("expected type FP64, got INT64"))
        with pytest.raises(ProtocolError, match="expected type FP64") as raised:
            await Ensemble("vote", [strict, strict]).ask(X)
        assert raised.value.status == 400

    run_virtual(main())
