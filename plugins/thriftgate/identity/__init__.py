"""Who may call: keys, users, teams and tiers, what they may do, and what they may spend. Pure.

- `keys`: what a key looks like, and how it is known again without being kept
- `records`: keys, users, teams and tiers as values
- `permission`: whether somebody may do what they ask for
- `claims`: who the bearer of another issuer's token is
- `budgets`: how much money, in which day or month, and what a request may cost
- `forms`: the same records as an operator writes them, in a file or over HTTP
"""
