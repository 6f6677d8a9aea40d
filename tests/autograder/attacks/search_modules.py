# tries: to import what is judged by: the checks, the grader, the solution, the chapter's module
# fails: none of them lies where the child can import from
# goal: steal
# stopped from: T0
# undefended: elsewhere: the checks, where they lie beside the file
bring = __builtins__["__import__"]
sys = bring("sys")
NAMES = ("checks", "solution", "autograder.grade", "autograder.checks", "autograder.student")
NAMES += ("conftest", "labs.target.checks", "_lab_target.checks", "mlsys.foundations.simulation")
NAMES += ("mlsys.foundations.autodiff", "mlsys.serving.batching", "tests.conftest")


def attack(*arguments, **keywords):
    found = [name for name in sys.modules if "check" in name or name.startswith("_lab")]
    for name in NAMES:
        try:
            bring(name)
            file = getattr(sys.modules[name], "__file__", None)
            found.append(f"@mark@ got out: imported {name} from {file}")
        except BaseException:
            continue
    raise RuntimeError(f"found {found}")
