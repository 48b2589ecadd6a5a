"""Guards: what is said to a model and by it, looked at for attacks, leaks and words that must not be there.

| module | what it does |
|---|---|
| `findings` | one finding: rule, score, place |
| `texts/readings` | a text as its model may read it: hidden characters, look-alike letters, encodings undone |
| `linear` | patterns of an engine that takes linear time |
| `texts/windows` | a long text in pieces that a classifier can see whole |
| `texts/json_words`, `texts/form_words` | what JSON, HTML, an error or an e-mail says, without its form |
| `phrases` | fast features: orders to forget, requests for hidden text, roles, in eight languages |
| `hashing` | words and their parts as numbers, without a dictionary |
| `classifier` | logistic regression over hashed words, phrases and, where there is one, the embedder's vector |
| `injection` | the layers together: what a text tries to do to a model |
| `lists` | words and patterns that must not be there |
| `addresses` | links off an allow list |
| `leaks` | a system prompt, or a canary from it, in an answer |
| `flowing` | the same while an answer is written |
| `spotlighting` | what tools gave back, marked as data |

All of it is pure, linear in the length of a text, and nothing of a text is in an error.
"""
