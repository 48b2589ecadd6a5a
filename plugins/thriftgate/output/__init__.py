"""Structured output: an answer that must be JSON of a given shape is that, or is refused by name.

`requirement` says which schema applies, `instruction` asks a model for it, `judging` reads an answer and gives a
verdict (`verdicts`), with `repair` and `outline` for what is almost JSON, `flow` is the whole way: ask, judge, ask once
more with the objection, next tier, 422. `streaming` finds a violation while the text still flows.

Schemas themselves, and what makes them safe to check, are `thriftgate.schemas`.
"""
