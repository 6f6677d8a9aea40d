"""``python -m autograder`` is ``autograder``; ``python -m autograder labs ...`` is ``labs ...``."""

import sys

from autograder.cli import autograder_main, labs_main

if __name__ == "__main__":
    if sys.argv[1:2] == ["labs"]:
        del sys.argv[1]
        labs_main()
    else:
        autograder_main()
