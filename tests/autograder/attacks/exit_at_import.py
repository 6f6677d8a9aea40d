# tries: to end the run with success before a check can begin
# fails: points count replies, and a program that is gone sends none
# goal: forge
# stopped from: T0
# undefended: elsewhere: points where the status of the process is the verdict
raise SystemExit(0)
