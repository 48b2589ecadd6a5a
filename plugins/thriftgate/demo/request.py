"""A chat completion request as the demo provider understands it, checked the way OpenAI checks it.

Failure behaviour: a body that OpenAI would refuse raises RequestRejectedError with OpenAI's `param` and `code`
(400, or 404 for an unknown model). Parameters that mean nothing to an offline model are accepted and ignored.
"""

from collections.abc import Collection, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from thriftgate.demo.tokens import count_prompt_tokens
from thriftgate.errors import ContextWindowExceededError, InvalidRequestError, RequestRejectedError

CONTEXT_WINDOW = 32_768
_MOST_STOPS = 4


class UnknownModelError(RequestRejectedError):
    """The demo provider has no model of this name."""

    status_code = 404


class StreamOptions(BaseModel):
    """What a client wants of a stream."""

    include_usage: bool = False


class FunctionSpec(BaseModel):
    """A function that the model may call."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict[str, Any])


class ToolSpec(BaseModel):
    """A tool of the request; only functions are known."""

    type: Literal["function"] = "function"
    function: FunctionSpec


class NamedFunction(BaseModel):
    """The function that a client insists on."""

    name: str


class NamedTool(BaseModel):
    """`tool_choice` with a name."""

    type: Literal["function"] = "function"
    function: NamedFunction


class JsonSchemaFormat(BaseModel):
    """The schema of a structured answer."""

    model_config = ConfigDict(populate_by_name=True)

    name: str = "answer"
    schema_: dict[str, Any] = Field(default_factory=dict[str, Any], alias="schema")


class ResponseFormat(BaseModel):
    """Free text, any JSON object, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchemaFormat | None = None

    @model_validator(mode="after")
    def _schema_is_there(self) -> "ResponseFormat":
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("json_schema is required when type is 'json_schema'")
        return self


class CompletionCall(BaseModel):
    """A checked request to `/v1/chat/completions`."""

    model_config = ConfigDict(extra="ignore")

    model: str
    messages: list[dict[str, Any]] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    tools: list[ToolSpec] = Field(default_factory=list[ToolSpec])
    tool_choice: Literal["none", "auto", "required"] | NamedTool = "auto"
    n: int = Field(default=1, ge=1, le=16)
    stop: list[str] = Field(default_factory=list[str])
    seed: int | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    response_format: ResponseFormat = ResponseFormat()
    logprobs: bool = False
    top_logprobs: int = Field(default=0, ge=0, le=20)

    @field_validator("tools", "stop", "response_format", "n", "logprobs", "top_logprobs", "tool_choice", mode="before")
    @classmethod
    def _null_means_default(cls, value: Any, info: Any) -> Any:
        if value is None:
            return cls.model_fields[info.field_name].get_default(call_default_factory=True)
        return [value] if info.field_name == "stop" and isinstance(value, str) else value

    @field_validator("stop")
    @classmethod
    def _few_stops(cls, stop: list[str]) -> list[str]:
        if len(stop) > _MOST_STOPS:
            raise ValueError(f"at most {_MOST_STOPS} stop sequences are allowed")
        return [text for text in stop if text]

    @field_validator("messages")
    @classmethod
    def _messages_make_a_conversation(cls, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        called: set[str] = set()
        for place, message in enumerate(messages):
            _check_message(place, message, called)
        return messages

    @model_validator(mode="after")
    def _parameters_agree(self) -> "CompletionCall":
        if self.top_logprobs and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs to be true")
        if isinstance(self.tool_choice, NamedTool):
            name = self.tool_choice.function.name
            if name not in {tool.function.name for tool in self.tools}:
                raise ValueError("tool_choice names a function that is not in tools")
        elif self.tool_choice == "required" and not self.tools:
            raise ValueError("tool_choice is 'required' but tools is empty")
        return self

    @property
    def token_limit(self) -> int | None:
        """The most tokens that an answer may have."""
        limits = [limit for limit in (self.max_tokens, self.max_completion_tokens) if limit is not None]
        return min(limits, default=None)

    @property
    def wants_usage_chunk(self) -> bool:
        """Whether the stream ends with a chunk that has the usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    def count_prompt_tokens(self) -> int:
        """What the prompt costs, by the rule of `tokens`."""
        return count_prompt_tokens(self.messages, [tool.model_dump() for tool in self.tools])


_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def parse_call(body: object, models: Collection[str]) -> CompletionCall:
    """Check a request body.

    Raises:
        InvalidRequestError: a parameter is missing or wrong; `param` names it.
        UnknownModelError: there is no such model.
        ContextWindowExceededError: the prompt has more than `CONTEXT_WINDOW` tokens.
    """
    if not isinstance(body, dict):
        raise InvalidRequestError("The request body must be a JSON object.")
    try:
        call = CompletionCall.model_validate(body)
    except ValidationError as error:
        raise _refusal(error) from None
    if call.model not in models:
        raise UnknownModelError(
            f"The demo provider has no such model; it has {', '.join(sorted(models))}.",
            code="model_not_found",
            param="model",
        )
    if call.count_prompt_tokens() > CONTEXT_WINDOW:
        raise ContextWindowExceededError(
            f"This model's maximum context length is {CONTEXT_WINDOW} tokens. Please shorten the messages.",
            code="context_length_exceeded",
            param="messages",
        )
    return call


def _refusal(error: ValidationError) -> InvalidRequestError:
    """The first mistake as OpenAI would put it; never with the value that was sent."""
    first = error.errors(include_url=False, include_input=False)[0]
    param = ".".join(str(part) for part in first["loc"]) or None
    words = first["msg"].removeprefix("Value error, ")
    return InvalidRequestError(f"Invalid value for '{param}': {words}." if param else f"{words}.", param=param)


def _check_message(place: int, message: dict[str, Any], called: set[str]) -> None:
    role = message.get("role")
    if role not in _ROLES:
        raise ValueError(f"messages[{place}].role must be one of {', '.join(sorted(_ROLES))}")
    if role == "tool" and message.get("tool_call_id") not in called:
        raise ValueError(f"messages[{place}] has role 'tool' but answers no preceding tool call")
    calls: Sequence[dict[str, Any]] = message.get("tool_calls") or ()
    called.update(str(call.get("id")) for call in calls)
    content: object = message.get("content")
    if content is None and not (
        role == "assistant" and (calls or message.get("refusal") or "function_call" in message)
    ):
        raise ValueError(f"messages[{place}].content is missing")
    if content is not None and not isinstance(content, str | list):
        raise ValueError(f"messages[{place}].content must be a string or a list of parts")
