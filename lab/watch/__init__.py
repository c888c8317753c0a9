"""Watches a command that never heard of the lab, and says what is wrong when it hangs.

:mod:`.session` is the loop and decides when to worry, :mod:`.stillness` what a tree that stands
still is waiting for, :mod:`.looking` takes the dump, :mod:`.folder` keeps it. What is needed only
for a hang is imported only then: a command that ends well must not notice that it was watched.
"""
