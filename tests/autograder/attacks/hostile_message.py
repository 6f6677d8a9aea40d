# tries: to speak to the instructor's browser, terminal and spreadsheet through an error
# fails: texts are cut, made visible and escaped before they are shown
# goal: forge
# stopped from: T0
# undefended: elsewhere: a script in the instructor's browser
NAME = "=HYPERLINK('x')</td></details><script>alert(1)</script>" * 1000


def attack(*arguments, **keywords):
    text = "\x1b]0;hacked\x07\x1b[2J\u202e</pre><img src=x onerror=alert(1)>\ud800"
    raise type(NAME, (Exception,), {})(text * 10_000)
