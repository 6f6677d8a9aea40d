# tries: to lift the limits that it was started with
# fails: a hard limit can be raised by a privileged process only, and this is none
# goal: exhaust
# stopped from: T1
# undefended: elsewhere: no limits, where the grader is root
import resource

LIMITS = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_NOFILE")


def attack(*arguments, **keywords):
    lifted, none = [], (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    for name in LIMITS:
        number = getattr(resource, name)
        if resource.getrlimit(number)[1] == resource.RLIM_INFINITY:
            continue  # there was none
        try:
            resource.setrlimit(number, none)
            lifted.append(f"@mark@ got out: no {name} any more")
        except (ValueError, OSError):
            continue
    raise RuntimeError(f"lifted {lifted}")
