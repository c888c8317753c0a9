"""The claims on trial: what is measured for each, and what follows from it.

``measure`` runs programs and scenarios and fills a record of samples; ``decide`` turns such a
record into verdicts and runs nothing. Neither knows the other: a record from another machine, or
one made up in a test, is judged by the same rules.
"""
