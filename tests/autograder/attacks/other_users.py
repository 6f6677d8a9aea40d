# tries: to become another user: root, or whoever else is there, or a member of other groups
# fails: it has no privilege, and can gain none
# goal: leave
# stopped from: T1
# undefended: leak: another user that it became
import os


def attack(*arguments, **keywords):
    before, became = os.getresuid(), []
    for user in (0, 1, 1000, 61000, 65534):
        for change in (os.setuid, os.seteuid, lambda u: os.setresuid(u, u, u)):
            process = os.fork()
            if not process:
                os._exit(tried(change, user, before))
            if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 42:
                became.append(f"@mark@ got out: user {user}")
    try:
        os.setgroups([0, 4, 6, 42])
        became.append("@mark@ got out: groups")
    except OSError:
        pass
    raise RuntimeError(f"became {became}")


def tried(change, user, before):
    try:
        change(user)
        return 42 if os.getresuid() != before else 0
    except OSError:
        return 1
