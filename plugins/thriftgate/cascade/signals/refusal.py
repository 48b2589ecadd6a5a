"""The model declines, or says that it does not know. Cost: free.

Only the beginning counts: an answer that opens with "I can't" is a refusal, one that says so in its fifth
paragraph is usually an explanation. English, German, French, Spanish, Italian, Portuguese, Dutch, Chinese, Japanese.
"""

from collections.abc import Mapping

from thriftgate.cascade.signals.evidence import Signal, SignalEvidence

_OPENING = 240
"""Characters in which a refusal must begin."""

REFUSALS = (
    "i can't help", "i cannot help", "i can't assist", "i cannot assist", "i'm unable to", "i am unable to",
    "i'm not able to", "i am not able to", "i can't provide", "i cannot provide", "i won't be able", "i must decline",
    "as an ai", "i'm sorry, but i can", "i apologize, but i can", "i can't answer", "i cannot answer",
    "ich kann ihnen dabei nicht", "ich kann dir dabei nicht", "dabei kann ich nicht helfen", "ich kann das nicht",
    "ich darf nicht", "als ki ", "je ne peux pas", "je ne suis pas en mesure", "en tant qu'ia", "no puedo ayudar",
    "no puedo responder", "no puedo proporcionar", "como modelo de lenguaje", "lo siento, pero no", "non posso aiutar",
    "non posso rispondere", "non sono in grado", "não posso ajudar", "não posso responder", "não consigo ajudar",
    "ik kan u niet", "ik kan je niet", "ik kan daar niet", "我无法", "我不能", "抱歉\uff0c我",
    "お答えできません", "お手伝いできません", "申し訳ありませんが",
)  # fmt: skip
IGNORANCE = (
    "i don't know", "i do not know", "i'm not sure", "i am not sure", "i have no information",
    "i don't have information", "i don't have enough",
    "i do not have enough", "no information about", "not mentioned in", "i couldn't find",
    "i could not find", "please contact support", "cannot be determined", "can't be determined", "das weiß ich nicht",
    "ich weiß nicht", "ich weiss nicht", "ich bin mir nicht sicher", "dazu habe ich keine", "je ne sais pas",
    "je ne suis pas sûr", "je n'ai pas d'information", "no lo sé", "no sé ", "no estoy seguro", "no tengo información",
    "non lo so", "non so ", "non sono sicuro", "não sei", "não tenho certeza", "não tenho informaç", "ik weet het niet",
    "ik weet niet", "weet ik niet zeker", "我不知道", "我不确定", "没有相关信息", "わかりません", "分かりません",
)  # fmt: skip


def measure(evidence: SignalEvidence) -> Mapping[str, float]:
    """1 or 0 for each: declined (also by the provider's own `refusal` field), and did not know."""
    opening = evidence.folded[:_OPENING]
    declined = bool(evidence.choice.message.get("refusal")) or any(phrase in opening for phrase in REFUSALS)
    # Giving up may stand anywhere in a short answer; in a long one only its beginning and its end count.
    edges = opening + "\n" + evidence.folded[-_OPENING:]
    return {"refusal": float(declined), "ignorance": float(any(phrase in edges for phrase in IGNORANCE))}


REFUSAL = Signal(name="refusal", cost="free", features=("refusal", "ignorance"), measure=measure)
