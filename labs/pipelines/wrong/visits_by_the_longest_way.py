# loses: visits_are_right, plans_a_pipeline
# why: takes the busiest of the ways to a stage instead of all of them together.


def visits(graph: Graph) -> dict[str, float]:
    found: dict[str, float] = {}
    for stage in graph.stages:
        edges = graph.into[stage]
        found[stage] = max((edge.factor * found[edge.source] for edge in edges), default=1.0)
    return found
