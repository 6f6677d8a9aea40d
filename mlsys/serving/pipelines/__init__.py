"""Where does a chain of models need more machines?

Read in this order:

- ``graph``: stages, edges, and how often a request visits each.
- ``profiles``: what a stage costs on each kind of hardware, from few measurements.
- ``estimator``: how long requests take under a plan.
- ``planner``: the plan that keeps a promise at least cost, one cheapest step at a time.
- ``tuner``: how to notice that traffic is not what was planned for, and what to do.
- ``autoscaling``: rules that see only how busy replicas are, and starts that take time.
- ``cascades``: a small model first, a large one where it doubts.
- ``sharing``: equal parts of many pipelines kept and computed once.
- ``experiments``, ``nested``: what all of this is worth.
"""

from mlsys.serving.pipelines.autoscaling import Autoscaler, Utilisation, kept_warm
from mlsys.serving.pipelines.cascades import cascaded, choose, confidence, expected_cost
from mlsys.serving.pipelines.estimator import Estimate, estimate, service_time
from mlsys.serving.pipelines.graph import Edge, Graph, Traffic, routed, visits
from mlsys.serving.pipelines.planner import Objective, Planner
from mlsys.serving.pipelines.profiles import (
    Catalogue,
    Plan,
    Profile,
    Setting,
    fitted,
    price,
    replicas_needed,
    throughput,
)
from mlsys.serving.pipelines.sharing import Step, Store
from mlsys.serving.pipelines.tuner import Tuner, envelope, follow, growth, windows

__all__ = [
    "Autoscaler",
    "Catalogue",
    "Edge",
    "Estimate",
    "Graph",
    "Objective",
    "Plan",
    "Planner",
    "Profile",
    "Setting",
    "Step",
    "Store",
    "Traffic",
    "Tuner",
    "Utilisation",
    "cascaded",
    "choose",
    "confidence",
    "envelope",
    "estimate",
    "expected_cost",
    "fitted",
    "follow",
    "growth",
    "kept_warm",
    "price",
    "replicas_needed",
    "routed",
    "service_time",
    "throughput",
    "visits",
    "windows",
]
