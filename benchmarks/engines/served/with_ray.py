"""Ray Serve, in batches: with_ray.py MODEL PORT."""

import sys
import time

import ray
from models import BATCH, WAIT, answered, made, read
from ray import serve

NAME, PORT = sys.argv[1], int(sys.argv[2])


@serve.deployment(num_replicas=1, max_ongoing_requests=4 * BATCH)
class Model:
    """One model in a process of its own, behind a proxy in another."""

    def __init__(self):
        self.model = made(NAME)

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=WAIT)
    async def predict(self, rows):
        return answered(self.model, rows)

    async def __call__(self, request):
        return {"y": await self.predict(read(NAME, await request.json()))}


ray.init(num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False)
serve.start(http_options={"port": PORT, "access_log": False})
serve.run(Model.bind(), route_prefix="/predict")
while True:
    time.sleep(3600)
