"""Counts add up, and Prometheus's own parser reads them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from mlsys.serving.server.metrics import Metrics

answers = st.tuples(
    st.sampled_from(["m", "n"]), st.sampled_from(["1", "2"]), st.sampled_from([200, 400, 429, 500]),
    st.floats(0, 30),
)  # fmt: skip


@given(st.lists(answers, max_size=30), st.lists(st.integers(1, 5000), max_size=10))
def test_every_answer_and_every_batch_is_counted_once(made, sizes):
    metrics = Metrics()
    for each in made:
        metrics.begun()
        metrics.answered(*each)
    for size in sizes:
        metrics.batch("m", size)
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }
    for model in ("m", "n"):
        for version in ("1", "2"):
            mine = [each for each in made if each[:2] == (model, version)]
            labels = (("model", model), ("version", version))
            assert found.get(("serving_seconds_count", *labels), 0) == len(mine)
            for status in {each[2] for each in mine}:
                count = sum(each[2] == status for each in mine)
                key = ("model", model), ("status", str(status)), ("version", version)
                assert found["serving_requests_total", *key] == count
    assert found["serving_under_way",] == 0
    assert found.get(("serving_batch_size_sum", ("model", "m")), 0) == sum(sizes)
    assert dict(found).get(("serving_batch_size_count", ("model", "m")), 0) == len(sizes)
