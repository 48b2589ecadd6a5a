"""Guards at the proxy, for every route and model: requests before they are sent, answers as they go out.

| module | what it does |
|---|---|
| `hooks` | before the call: looks at the request's texts, refuses, marks, or tells the route what to do |
| `layer` | around the endpoints: looks at the bytes of answers, whole, streamed or from the cache |
"""
