"""What stands between a request and its answer?

Read in this order:

- ``errors``, ``tensors``: what a request may be, and what is said if it is not.
- ``openinference``: the Open Inference Protocol, in JSON and in binary.
- ``models``, ``worker``, ``replicas``: the model in processes of its own, and what becomes of them.
- ``cache``: answers that are known, or under way.
- ``versions``: new versions, shares of users, shadows.
- ``limits``, ``metrics``, ``app``: from bytes to answers, as an application of ASGI.
- ``run``: start, serve, and stop without losing anybody; ``python -m mlsys.serving.server``.
"""
