from dataclasses import replace
from typing import Any

import pytest

from thriftgate.caching.sharing.eligibility import Eligibility, EligibilitySettings, Verdict, may_serve, may_store
from thriftgate.caching.sharing.timebound import is_about_own_account, is_time_bound
from thriftgate.types import Answer, ChatRequest, Choice, Message

QUESTION = "How do I reset my password?"
REQUEST = ChatRequest(request_id="r", route="support", messages=({"role": "user", "content": QUESTION},))
SETTINGS = EligibilitySettings()


def answer(content: Any = "Open the settings.", finish_reason: str | None = "stop", **message: Any) -> Answer:
    return Answer(choices=(Choice({"role": "assistant", "content": content, **message}, finish_reason),), model="small")


def serve(request: ChatRequest = REQUEST, question: str = QUESTION, **options: Any) -> Eligibility:
    return may_serve(request, question, settings=options.pop("settings", SETTINGS), **options).reason


def store(
    given: Answer | None = None, request: ChatRequest = REQUEST, question: str = QUESTION, **options: Any
) -> Eligibility:
    settings = options.pop("settings", SETTINGS)
    return may_store(request, question, given or answer(), settings=settings, **options).reason


def test_an_ordinary_question_and_answer_are_eligible() -> None:
    assert serve() == store() == Eligibility.ELIGIBLE
    assert may_serve(REQUEST, QUESTION, settings=SETTINGS).is_allowed


@pytest.mark.parametrize(
    ("request_", "settings", "reason"),
    [
        (replace(REQUEST, params={"temperature": 1.3}), SETTINGS, Eligibility.TEMPERATURE),
        (REQUEST, EligibilitySettings(max_temperature=0.5), Eligibility.TEMPERATURE),
        (REQUEST, EligibilitySettings(time_sensitive=True), Eligibility.TIME_SENSITIVE_ROUTE),
        (
            replace(REQUEST, messages=({"role": "tool", "content": "42", "tool_call_id": "1"}, *REQUEST.messages)),
            SETTINGS,
            Eligibility.TOOL_TURN,
        ),
        (
            replace(REQUEST, messages=({"role": "assistant", "tool_calls": [{"id": "1"}]}, *REQUEST.messages)),
            SETTINGS,
            Eligibility.TOOL_TURN,
        ),
        (
            replace(REQUEST, messages=({"role": "user", "content": [{"type": "tool_result", "content": "42"}]},)),
            SETTINGS,
            Eligibility.TOOL_TURN,
        ),
        (
            replace(REQUEST, messages=(*REQUEST.messages, {"role": "assistant", "content": "You"})),
            SETTINGS,
            Eligibility.NO_QUESTION,
        ),
    ],
)
def test_some_requests_are_neither_served_nor_stored(
    request_: ChatRequest, settings: EligibilitySettings, reason: Eligibility
) -> None:
    assert serve(request_, settings=settings) == reason
    assert store(request=request_, settings=settings) == reason


def test_nothing_is_shared_with_an_unknown_caller() -> None:
    assert serve(has_tenant=False) == store(has_tenant=False) == Eligibility.UNKNOWN_TENANT


def test_an_image_without_words_is_no_question() -> None:
    assert serve(question="  ") == Eligibility.NO_QUESTION


def test_a_client_that_wants_a_fresh_answer_still_renews_the_entry() -> None:
    request = replace(REQUEST, no_cache=True)
    assert serve(request) == Eligibility.NO_CACHE
    assert store(request=request) == Eligibility.ELIGIBLE


def test_a_client_that_wants_to_be_forgotten_may_still_be_served() -> None:
    request = replace(REQUEST, no_store=True)
    assert serve(request) == Eligibility.ELIGIBLE
    assert store(request=request) == Eligibility.NO_STORE


def test_a_low_temperature_is_fine_and_tools_may_be_offered() -> None:
    assert serve(replace(REQUEST, params={"temperature": 0, "tools": [{"type": "function"}]})) == Eligibility.ELIGIBLE


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (Answer(choices=(), model="small"), Eligibility.NO_CHOICE),
        (answer(""), Eligibility.NO_CHOICE),
        (answer(" \n"), Eligibility.NO_CHOICE),
        (answer(None, "tool_calls", tool_calls=[{"id": "1"}]), Eligibility.TOOL_CALL),
        (answer("Let me look.", "stop", tool_calls=[{"id": "1"}]), Eligibility.TOOL_CALL),
        (answer("x", "function_call"), Eligibility.TOOL_CALL),
        (answer("Half of a sen", "length"), Eligibility.UNFINISHED),
        (answer("Half of a sen", None), Eligibility.UNFINISHED),
        (answer("x", "content_filter"), Eligibility.FILTERED),
        (answer("x", refusal="I will not."), Eligibility.REFUSED),
        (answer("I'm sorry, but I can't help with that."), Eligibility.REFUSED),
        (answer("I\u2019m sorry, but I can\u2019t help with that."), Eligibility.REFUSED),
        (answer("Leider kann ich dabei nicht helfen. Ich kann das nicht."), Eligibility.REFUSED),
    ],
)
def test_what_is_never_kept(given: Answer, reason: Eligibility) -> None:
    assert store(given) == reason


def test_an_apology_that_goes_on_to_help_is_kept() -> None:
    assert store(answer("I'm sorry to hear that! Open the settings and choose a new one.")) == Eligibility.ELIGIBLE
    assert (
        store(answer("I cannot see your account, but here is how it works. " + "Step. " * 80)) == Eligibility.ELIGIBLE
    )


def test_one_bad_choice_of_several_spoils_the_answer() -> None:
    good, bad = answer().choices[0], answer("Half", "length").choices[0]
    assert store(Answer(choices=(good, good), model="small")) == Eligibility.ELIGIBLE
    assert store(Answer(choices=(good, bad), model="small")) == Eligibility.UNFINISHED


def test_restored_personal_data_is_never_kept() -> None:
    assert store(holds_personal_data=True) == Eligibility.PERSONAL_DATA


def test_reasons_are_fixed_phrases() -> None:
    assert all(reason.value and "{" not in reason.value for reason in Eligibility)


@pytest.mark.parametrize(
    ("question", "is_bound"),
    [
        ("My card was stolen, what now?", False), ("I lost my passport. What now?", False), ("Now what?", False),
        ("I locked myself out, what should I do now?", False), ("Passwort vergessen, was jetzt?", False),
        ("Was soll ich jetzt tun?", False), ("Perdí mi tarjeta, ¿y ahora qué?", False),
        ("J'ai perdu ma carte, que faire maintenant ?", False), ("Ho perso la carta, cosa faccio adesso?", False),
        ("Perdi o cartão, e agora, o que faço?", False),
        ("What is the rate now?", True), ("What's open now?", True), ("What now is the price?", True),
        ("What is the current rate, what now?", True), ("The price of today, what now?", True),
        ("What should I buy now?", True), ("What do I do now today?", True), ("What is on now?", True),
        ("Was kostet das jetzt?", True), ("Was läuft jetzt?", True), ("¿Qué hora es, y ahora qué?", True),
        ("What is it now?", True), ("Que faire maintenant à Paris ?", True),
    ],
)  # fmt: skip
def test_what_now_asks_for_advice_and_a_time_beside_it_still_counts(question: str, is_bound: bool) -> None:
    assert is_time_bound(question) is is_bound


@pytest.mark.parametrize(
    ("question", "is_bound"),
    [
        ("Bitcoin fell. What do I do now?", True), ("Apple stock dropped 5%, now what?", True),
        ("Election results: now what?", True), ("Who leads the race, what now?", True), ("now what? My train!", True),
        ("news from Gaza - what now?", True), ("The Lakers game started, what now?", True),
        ("my flight is delayed, what now?", True), ("my flight is delayed what now", True),
        ("My parcel is late. What should we do now?", True), ("Mein Zug fällt aus, was jetzt?", True),
        ("Die Aktie fällt. Was nun?", True), ("Mon vol est annulé, que faire maintenant ?", True),
        ("Subieron los precios, ¿y ahora qué?", True), ("C'è sciopero, cosa faccio adesso?", True),
        ("O voo atrasou, e agora, o que faço?", True), ("Mijn trein rijdt niet, wat nu?", True),
        ("On m'a fait un vol de carte, que faire maintenant ?", False), ("Pas kwijt, wat nu?", False),
        ("The passwords do not match, what now?", False), ("I dropped my phone, what now?", False),
        ("Ik ben het weer vergeten, wat nu?", False), ("Perdí mi tarjeta. ¿Y ahora qué hago?", False),
        ("I was charged 50 dollars twice. What now?", False), ("My train pass is lost. How do I block it?", False),
        ("Cobraram uma taxa, e agora, o que faço?", False), ("Meine Karte ist weg. Was soll ich jetzt tun?", False),
    ],
)  # fmt: skip
def test_what_now_beside_a_subject_that_changes_by_itself_is_time_bound(question: str, is_bound: bool) -> None:
    assert is_time_bound(question) is is_bound


@pytest.mark.parametrize(
    ("question", "is_bound"),
    [
        ("ahora qué pasa en Madrid", True), ("Y ahora qué hora es", True), ("hoe laat is het", True),
        ("en hoe laat is het in Tokio", True), ("now what is the price of gold", True), ("e agora que horas são", True),
        ("adesso che ore sono", True), ("et maintenant quelle heure est-il", True),
        ("hoe staat de koers vandaag", True), ("ahora que perdí mi tarjeta no puedo pagar", False),
        ("Jetzt ist meine Karte weg", False), ("hoe blokkeer ik mijn pas", False),
        ("Now when I log in it fails", False), ("now what is a routing number", False),
        ("maintenant que ma carte est perdue je ne peux pas payer", False),
    ],
)  # fmt: skip
def test_a_question_without_a_mark_that_opens_with_now_or_how_asks(question: str, is_bound: bool) -> None:
    assert is_time_bound(question) is is_bound


@pytest.mark.parametrize(
    "question",
    [
        "What is the weather in Paris?",
        "What's the current price of gold?",
        "Is the service down right now?",
        "who is the current president of France",
        "Show me today's headlines",
        "What are the latest exchange rates?",
        "What time is it in Tokyo?",
        "Wie ist das Wetter morgen?",
        "Was kostet Bitcoin aktuell?",
        "Welche Angebote gibt es heute?",
        "Quel temps fait-il aujourd\u2019hui ?",
        "\u00bfCu\u00e1l es el precio actual del oro?",
        "Che ore sono?",
        "Qual \u00e9 a cota\u00e7\u00e3o do d\u00f3lar hoje?",
        "Wat is de huidige prijs?",
        "\u4eca\u5929\u5929\u6c14\u600e\u4e48\u6837\uff1f",
    ],
)
def test_a_question_whose_answer_moves_is_time_bound(question: str) -> None:
    assert is_time_bound(question)
    assert serve(question=question) == Eligibility.TIME_BOUND
    assert serve(question=question, settings=EligibilitySettings(detect_time_bound=False)) == Eligibility.ELIGIBLE


@pytest.mark.parametrize(
    "question",
    [
        "I lost my card yesterday. How do I block it?",
        "My transfer from this morning is missing",
        "Which currencies do you support?",
        "Can you send me the actual card?",
        "How do I reset my password?",
        "What does a forecaster do?",
    ],
)
def test_a_story_with_a_day_in_it_is_not_time_bound(question: str) -> None:
    assert not is_time_bound(question)


@pytest.mark.parametrize(
    ("question", "is_personal"),
    [
        ("What is my balance?", True),
        ("Show me my last transactions", True),
        ("Where is my order?", True),
        ("How much do I owe?", True),
        ("Wo ist meine Bestellung?", True),
        ("How much do I have to pay for a transfer?", False),
        ("How can I check a balance?", False),
        ("Where is my nearest branch?", False),
    ],
)
def test_a_look_into_the_callers_own_account_is_recognised(question: str, is_personal: bool) -> None:
    assert is_about_own_account(question) is is_personal
    assert (serve(question=question) == Eligibility.OWN_ACCOUNT) is is_personal


TOOL = {
    "type": "function",
    "function": {
        "name": "ticket",
        "parameters": {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]},
    },
}
FORCED = replace(REQUEST, params={"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "ticket"}}})


def filled_in(arguments: str, finish_reason: str = "stop", name: str = "ticket") -> Answer:
    return answer(None, finish_reason, tool_calls=[{"id": "1", "function": {"name": name, "arguments": arguments}}])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (filled_in('{"topic": "passwords"}'), Eligibility.ELIGIBLE),
        (filled_in('{"topic": "passwords"}', "tool_calls"), Eligibility.ELIGIBLE),
        (filled_in("{}"), Eligibility.TOOL_CALL),
        (filled_in('{"topic": 3}'), Eligibility.TOOL_CALL),
        (filled_in('["topic"]'), Eligibility.TOOL_CALL),
        (filled_in('{"topic": "passw'), Eligibility.UNFINISHED),
        (filled_in('{"topic": "passwords"}', "length"), Eligibility.UNFINISHED),
        (filled_in('{"topic": "passwords"}', name="delete"), Eligibility.TOOL_CALL),
        (answer("In words, though a call was due."), Eligibility.UNFINISHED),
    ],
)
def test_the_arguments_of_a_forced_tool_are_kept_when_they_fit(given: Answer, reason: Eligibility) -> None:
    assert store(given, FORCED) == reason


def test_a_tool_that_the_model_chose_is_never_kept() -> None:
    free = replace(REQUEST, params={"tools": [TOOL], "tool_choice": "auto"})
    assert store(filled_in('{"topic": "passwords"}'), free) == Eligibility.TOOL_CALL


def test_a_forced_tool_whose_schema_cannot_be_checked_is_not_kept() -> None:
    tool = {"type": "function", "function": {"name": "ticket", "parameters": {"$ref": "http://127.0.0.1:1/x.json"}}}
    request = replace(REQUEST, params={"tools": [tool], "tool_choice": "required"})
    assert store(filled_in('{"topic": "passwords"}'), request) == Eligibility.TOOL_CALL


def asked(*messages: Message, **params: Any) -> ChatRequest:
    return replace(REQUEST, messages=messages or REQUEST.messages, params=params)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (asked(temperature=1.0), Eligibility.ELIGIBLE), (asked(temperature=1.01), Eligibility.TEMPERATURE),
        (asked(temperature="hot"), Eligibility.ELIGIBLE),
        (asked({"role": "function", "content": "1"}), Eligibility.TOOL_TURN),
        (asked({"role": "assistant", "function_call": {"name": "f"}}, *REQUEST.messages), Eligibility.TOOL_TURN),
        (asked({"role": "user", "content": [{"type": "tool_use"}, "x"]}), Eligibility.TOOL_TURN),
        (asked({"role": "user", "content": [{"type": "text", "text": "x"}]}), Eligibility.ELIGIBLE),
        (asked({"role": "user", "content": ({"type": "tool_result"},)}), Eligibility.TOOL_TURN),
        (asked({"role": "user", "content": None}), Eligibility.ELIGIBLE),
        (asked({"role": "system"}), Eligibility.NO_QUESTION),
        (asked(*REQUEST.messages, {"role": "system", "content": "x"}), Eligibility.ELIGIBLE),
        (asked(*REQUEST.messages, {"role": "developer", "content": "x"}), Eligibility.ELIGIBLE),
        (asked({"role": "assistant", "tool_calls": []}, *REQUEST.messages), Eligibility.ELIGIBLE),
    ],
)  # fmt: skip
def test_what_a_request_itself_says(request_: ChatRequest, reason: Eligibility) -> None:
    assert serve(request_) == reason


def test_reasons_come_in_their_order_and_a_verdict_that_is_known_is_believed() -> None:
    late = EligibilitySettings(time_sensitive=True, max_temperature=0.0)
    assert serve(settings=late, has_tenant=False) == Eligibility.UNKNOWN_TENANT
    assert serve(settings=late) == Eligibility.TIME_SENSITIVE_ROUTE
    assert serve(question=" ", settings=EligibilitySettings(max_temperature=0.0)) == Eligibility.TEMPERATURE
    assert serve(asked(temperature=0), settings=EligibilitySettings(max_temperature=0.0)) == Eligibility.ELIGIBLE
    known = Verdict(Eligibility.TIME_BOUND)
    assert store(content=known) == Eligibility.TIME_BOUND
    assert store(content=Verdict(Eligibility.ELIGIBLE), settings=late) == Eligibility.ELIGIBLE
    assert store(request=replace(REQUEST, no_store=True), holds_personal_data=True) == Eligibility.NO_STORE


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (answer("x", "end_turn"), Eligibility.ELIGIBLE), (answer("x", "stop_sequence"), Eligibility.ELIGIBLE),
        (answer("x", "eos"), Eligibility.ELIGIBLE), (answer("x", "refusal"), Eligibility.FILTERED),
        (answer("x", "safety"), Eligibility.FILTERED), (answer("x", "SAFETY"), Eligibility.FILTERED),
        (answer("x", "tool_calls"), Eligibility.TOOL_CALL),
        (answer("x", function_call={"name": "f"}), Eligibility.TOOL_CALL),
        (answer("I cannot do it." + "." * 385), Eligibility.REFUSED),
        (answer("I cannot do it." + "." * 386), Eligibility.ELIGIBLE),
        (answer("", "stop", refusal="No."), Eligibility.REFUSED), (answer("", "length"), Eligibility.UNFINISHED),
        (answer("Unfortunately, I am unable to."), Eligibility.REFUSED), (answer("So I cannot."), Eligibility.ELIGIBLE),
    ],
)  # fmt: skip
def test_an_answer_is_kept_only_whole(given: Answer, reason: Eligibility) -> None:
    assert store(given) == reason


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (filled_in('{"topic": "x"}', "tool_use"), Eligibility.ELIGIBLE),
        (filled_in('{"topic": "x"}', "end_turn"), Eligibility.ELIGIBLE),
        (filled_in('{"topic": "x"}', "content_filter"), Eligibility.FILTERED),
        (filled_in("[" * 100_000), Eligibility.UNFINISHED), (filled_in(""), Eligibility.TOOL_CALL),
        (answer(None, tool_calls=[{"function": {"name": "ticket", "arguments": {"a": 1}}}]), Eligibility.TOOL_CALL),
        (answer(None, tool_calls=[{"function": None}]), Eligibility.TOOL_CALL),
        (answer(None, tool_calls=[*filled_in('{"topic": "x"}').choices[0].tool_calls, {}]), Eligibility.TOOL_CALL),
        (answer("x", "length"), Eligibility.UNFINISHED),
    ],
)  # fmt: skip
def test_one_call_of_the_forced_tool_that_fits_is_an_answer(given: Answer, reason: Eligibility) -> None:
    assert store(given, FORCED) == reason
