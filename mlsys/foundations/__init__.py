"""How does one program learn on one machine?

Modules, in reading order:

- ``introduction``: the stack and the life-cycle of a learning system.
- ``measurement``: timers, percentiles, load, cost, roofline, trace and meter.
- ``simulation``: events, arrivals, queues and dispatchers on a virtual clock.
- ``datasets``: real data, and generators that know the truth.
- ``tensor``: shape, strides and offset; views, loops over them, and cache lines.
- ``autodiff``: reverse-mode differentiation on NumPy arrays.
- ``nn``: modules and their state dicts, a transformer, files, counts and a tokenizer.
- ``training``: rules, schedules, batches, few bits, and runs that can be killed and go on.
"""
