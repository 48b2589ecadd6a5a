"""Privacy as a service: requests without personal data, answers with it.

| module | what it does |
|---|---|
| `protecting` | a request's texts analysed, replaced, and what stands for what kept for the conversation |
| `answers` | values put back into whole answers and into streams of events, in all three dialects |
| `bytes` | the same for what goes over the wire |
"""
