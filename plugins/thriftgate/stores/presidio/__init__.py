"""Presidio in this process: its registry and recognizers with ours and the Rampart model among them.

| module | what it does |
|---|---|
| `blank_nlp` | words without a language model: what Presidio needs to look at context, and no more |
| `recognizers` | ours and the model in the form that Presidio's registry takes |
| `engine` | everything loaded: texts in, spans out; imports Presidio, which takes seconds |
| `analyzer` | the port: a thread of its own, a bounded queue, a memory of what was analysed |
"""
