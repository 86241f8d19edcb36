"""`kuryr-lab demo`: what Kuryr does, shown on a real cloud with real traffic, and every claim checked on the way.

`play` is the whole performance, from a cloud of its own to nothing left; `story` holds the steps that a person reads.
"""
