"""LitServe, in batches: with_litserve.py MODEL PORT."""

import sys

import litserve as ls
from models import BATCH, WAIT, answered, made, read

NAME = sys.argv[1]


class Api(ls.LitAPI):
    """One model in a process of its own."""

    def setup(self, device):
        self.model = made(NAME)

    def decode_request(self, request):
        return read(NAME, request)

    def batch(self, inputs):
        return inputs

    def predict(self, rows):
        return answered(self.model, rows)

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return {"y": output}


if __name__ == "__main__":
    api = Api(max_batch_size=BATCH, batch_timeout=WAIT)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
