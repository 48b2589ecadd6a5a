"""Limits: who may ask how much, who waits and in which order, and what is given up first under load.

`bucket` token buckets · `demand` what one request takes from all its limits, all or nothing · `table` the same with
memory, the model that the stores are held to · `estimate` LLM tokens before they are known · `queue` weighted fair
queueing · `admission` whether a deadline can be met · `concurrency` how much may run at once · `ladder` steps that
save before anything is refused · `headers` what a client is told.

Pure: clocks, identities and measurements are passed in. What limits count are *tickets*; a token is an LLM's.
"""
