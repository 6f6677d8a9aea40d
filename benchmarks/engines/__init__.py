"""One module for each engine of the autodiff race; each solves the problems of ``problems``.

An engine is a class with a title, a version and one method for each problem it can solve; a
method takes the problem and returns an ``Entry``. To construct it is to import it: ImportError
means that it is absent here.
"""
