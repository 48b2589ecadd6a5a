"""Limits at work: whether a request may run now, waits, or is refused, and what it has used in the end.

`rules` which limits concern a request · `pool` what is known of a route or model, and what runs on it · `admission`
buckets, then the queue, then the places · `waiting` the queue and who is let out of it · `settling` reservations that
end, and those that must not · `outage` what holds while the store is away · `figures` what is counted.
"""
