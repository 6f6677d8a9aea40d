"""The reference modules of the book: machine-learning systems, small enough to read line by line.

Each folder is one part of the book and each module in it belongs to the chapter of the same name:
``mlsys/foundations/measurement`` is explained in ``book/foundations/measurement.md``, tested in
``tests/foundations`` and practised in ``labs/measurement``. A module imports only what the reader
has already met, so the reading order of the book is also the import order of the code.

Parts, in reading order:

- ``foundations``: how does one program learn on one machine?
"""
