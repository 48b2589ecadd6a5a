"""Structured output as a service: answers of the shape that a route or its caller asks for, or none.

| module | what it does |
|---|---|
| `stage` | which shape applies to a request, and the request that asks its provider for it |
| `reading` | an answer in whatever dialect, judged and, where it could be repaired, written anew |
| `asking` | a tier is asked, judged, and asked once more with what was wrong |
| `following` | an answer read while it flows |
| `notes` | what came of it, for the header, the trace, the ledger and the cache |
"""
