"""What stands between a request and its answer?

Read in this order:

- ``errors``, ``tensors``: what a request may be, and what is said if it is not.
- ``openinference``, ``tensorflow``: two protocols; ``openapi``: what may be asked, for machines.
- ``models``, ``worker``, ``replicas``: the model in processes of its own, and what becomes of them.
- ``warmup``: each is asked once before anybody may ask it.
- ``cache``: answers that are known, or under way.
- ``versions``: new versions, shares of users, shadows; ``control``: the same over HTTP.
- ``heads``, ``limits``, ``metrics``, ``access``, ``app``: from bytes to answers, by ASGI.
- ``run``: start, serve, and stop without losing anybody; ``python -m mlsys.serving.server``.
"""
