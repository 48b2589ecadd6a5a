"""Who calls, and what becomes of keys.

- `authentication`: from what somebody came with to who it is
- `recent`: answers of the store that are good for a moment
- `tokens`: bearer tokens of another issuer
- `administration`: making, changing, revoking and importing keys, users and teams
"""
