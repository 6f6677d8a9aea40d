# coding: punycode
# tries: to hold up whoever decodes its source, in a codec whose time grows with the square
# fails: source is UTF-8 or it is not read
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: a grader that hangs while it decodes
# grows: b 60000
TEXT = "aaaa-GROWN"
