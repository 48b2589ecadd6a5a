"""What an embedding does not see and makes two questions different: negations, numbers, opposites, roles, symbols.

`guards` compare two questions by what `reading` finds in them · `lexicon`, `numerals`, `contrasts`, `opposites` and
`scales` are the words they know · `clauses`, `constructions`, `order`, `wording`, `writing` and `surface` what they
look at.
"""
