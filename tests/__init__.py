"""Tests with a real PostgreSQL and a real Chroma.

- ``contract`` runs each test on both backends. Whoever changes behaviour changes these.
- ``postgres`` and ``chroma`` test what only one of them has.
- ``cli`` runs the commands of the command line, most of them on both backends.
- ``textsearch`` tests words, terms and ranking, and that both backends agree on them.
- ``crash`` kills servers and clients.
- ``docs`` tests what a reader tries: pages, examples, the service, the benchmarks, the wheel.
- ``unit`` needs no server and no directory, and takes seconds.
- ``support`` is what they share. Its ``internals`` is the one module that reaches behind the contract.
"""
