"""The three wire formats a client may speak, read and written without loss. Pure; start at `dialects`.

- `dialects`: the way in: a view of a request or an answer, an assembler, a replay, for any dialect.
- `turns`, `request`, `answer`: what a request or an answer says, whatever its dialect; `chat/`, `messages/` and
  `responses/` have one of each, and `carrying`: what LiteLLM's translation to another dialect loses.
- `counterparts`, `abilities`: what is said by another field there, and which providers take it.
- `identity`: what makes two requests the same.
- `streaming`: what the stream codecs share; events as bytes.
- `bounds`, `paths`, `shapes`, `writing`: depth and size; places in a JSON value; reading odd JSON; prompts put around
  a conversation.
"""
