"""Personal data and secrets: found, replaced before anything leaves, and put back for the caller alone.

| module | what it does |
|---|---|
| `spans` | a finding in a text, and how overlapping and adjacent findings become one |
| `views` | a text as its reader sees it: percent-, JSON- and HTML-escapes decoded, with the way back |
| `scanning` | a pattern's matches in a long text, with pauses in which somebody else may have a turn |
| `context` | the words before a value: label, key, column heading |
| `recognizers/` | one kind of value per file, each with its checksum or its context |
| `lookalikes` | what has the shape of a value and is none: UUIDs, digests, versions, dates, order numbers |
| `policy` | which kinds are looked for, from which score, and what happens to them |
| `pseudonyms` | which placeholder stands for which value, the same one for as long as a conversation lasts |
| `masking` | spans + policy → the text that may leave |
| `documents` | the same for a whole request: every string in it, also inside JSON inside strings |
| `placeholders` | finds placeholders again, also slightly changed by a model |
| `restoring` | puts values back, whole or while the text is still being written |
| `json_restoring` | the same inside JSON text, where a value must be escaped |

All of it is pure: no clock, no network, no model, and nothing of a text in an error.
"""
