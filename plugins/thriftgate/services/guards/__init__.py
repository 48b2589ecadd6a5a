"""Guards as a service: requests and answers looked at, and what follows from it.

| module | what it does |
|---|---|
| `policies` | what holds for which route or model |
| `inspecting` | texts looked at by all guards, each once |
| `judging` | a model asked whether a text is an attack |
| `decisions` | findings, and the action that follows |
| `answers` | the texts of whole answers and of events, by their shape |
"""
