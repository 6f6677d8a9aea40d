"""How long should a request wait for company?

Read in this order:

- ``policy``: what a policy is asked, and what it may answer.
- ``policies``: one by one, greedy, fixed size with a time-out, and additive increase.
- ``simulated``: any policy on the virtual clock.
- ``quantiles``: how long a batch takes at worst, learned.
- ``deadlines``: earliest deadline first, and whom to give up.
- ``admission``: whom to turn away at the door.
- ``live``: the same policies on an event loop.
"""

from mlsys.serving.batching.admission import EstimatedWait, QueueLimit, Unlimited
from mlsys.serving.batching.deadlines import EarliestDeadline
from mlsys.serving.batching.live import Batcher
from mlsys.serving.batching.policies import AIMD, Fixed, Greedy, OneByOne
from mlsys.serving.batching.policy import Decision, Policy, Request
from mlsys.serving.batching.quantiles import LatencyModel, QuantileRegression
from mlsys.serving.batching.simulated import Linear, Outcome, simulate

__all__ = [
    "AIMD",
    "Batcher",
    "Decision",
    "EarliestDeadline",
    "EstimatedWait",
    "Fixed",
    "Greedy",
    "LatencyModel",
    "Linear",
    "OneByOne",
    "Outcome",
    "Policy",
    "QuantileRegression",
    "QueueLimit",
    "Request",
    "Unlimited",
    "simulate",
]
