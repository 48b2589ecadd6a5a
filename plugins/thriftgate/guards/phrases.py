"""Fast features of a text: what it orders, asks for and pretends, in eight languages. One pass of a linear engine each.

Failure behaviour: pure and total.
"""

import math
import re
from collections.abc import Mapping, Sequence

from thriftgate.guards.linear import LinearPattern

_FORGET = (
    r"ignore|disregard|forget|override|bypass|overlook|neglect|skip|drop|erase|cancel|discard|supersede|"
    r"ignorier\w*|vergiss|vergesst|missachte|überspringe?|umgehe?|ignorez|oublie[rz]?|contourne[rz]?|néglige[rz]?|"
    r"ignora[rd]?|olvida[rd]?|omite|elude|salta|dimentica|trascura|aggira|negeer|vergeet|omzeil|esque[çc]a|ignor[ea]|"
    r"desconsidere|contorne|игнорируй|забудь|忽略|忘记|无视|無視|忘れ"
)
_RULES = (
    r"instruct\w*|rule\w*|prompt\w*|guideline\w*|direct\w*|command\w*|polic\w*|restriction\w*|polit\w*|safet\w*|"
    r"filter\w*|"
    r"protocol\w*|training|context|anweisung\w*|regel\w*|vorgabe\w*|richtlinie\w*|befehl\w*|consigne\w*|"
    r"règle\w*|directive\w*|"
    r"instruccion\w*|regla\w*|directric\w*|indicacion\w*|istruzion\w*|regol\w*|direttiv\w*|instructie\w*|"
    r"voorschrift\w*|"
    r"instruç\w*|regra\w*|diretriz\w*|protokoll\w*|protocole\w*|protocolo\w*|инструкции|правила|指令|指示|规则"
)
_HIDDEN = (
    r"system prompt|initial prompt|hidden prompt|original (?:prompt|instructions)|secret (?:key|word|code|"
    r"phrase)|password|"
    r"instructions (?:above|before|you)|your (?:instructions|prompt|rules|guidelines|directives|programming)|"
    r"api[_ -]?key|credentials|confidential|passphrase|"
    r"systemprompt|deine? (?:anweisungen|regeln|prompt\w*)|passwort|mot de passe|contraseña|parola d'ordine|"
    r"wachtwoord|senha|"
    r"tes (?:instructions|consignes)|vos (?:instructions|consignes)|tus instrucciones|le tue istruzioni|"
    r"je instructies|"
    r"suas instruções|(?:ursprünglich|initial|inicial|iniziale|originel|oorspronkelijk)\w* (?:\w+ )?prompt|"
    r"prompt (?:initial|inicial|iniziale|d'origine|original|essencial)"
)
_SHOW = (
    r"show|reveal|print|repeat|tell me|output|display|expose|leak|share|disclose|dump|spell|translate|summari[sz]e|"
    r"zeige?|verrate?|nenne|gib|wiederhole|montre\w*|révèle\w*|répète\w*|affiche\w*|muestra|revela|repite|"
    r"di(?:me|gas)|"
    r"mostra\w*|rivela\w*|ripeti|toon|onthul|herhaal|mostre|revele|repita|quel(?:le)?|welche[rs]?|cuál|qual(?:e)?|wat"
)
# Chinese and Japanese have no blanks, and Japanese, Korean and Turkish say the verb last.
_NEAR = r"[^\x{3002}\x{ff01}\x{ff1f}\x{61f}.!?\n]{0,16}?"
_WORDS_BETWEEN = r"(?: [^ \x{61f}.!?\n]+){0,5}? "
_OTHER_FORGET = (
    rf"(?:忽略|忘记|忘掉|忘記|无视|無視|不要理会|不用理会|抛开|抛弃|绕过|繞過|违反|覆盖){_NEAR}"
    r"(?:指令|指示|规则|規則|规定|提示词|提示詞|设定|設定|限制|约束|命令)|"
    rf"(?:指示|命令|ルール|規則|規定|制限|制約|プロンプト|設定|指令){_NEAR}(?:無視|忘れ|破棄|従わな|無効)|"
    rf"(?:지시|명령|규칙|지침|프롬프트|제한){_NEAR}(?:무시|잊어|잊으|어겨|따르지)|"
    r"(?:игнорируй|игнорируйте|проигнорируй|проигнорируйте|забудь|забудьте|отмени|отмените|обойди|обойдите|нарушь)"
    rf"{_WORDS_BETWEEN}(?:инструкци|правил|указани|ограничени|промпт|директив|команд)|"
    rf"(?:talimat|kural|yönerge|komut){_NEAR}(?:yok say|görmezden gel|unut|dikkate alma|çiğne)|"
    rf"(?:تجاهل|تجاهلي|انس|تجاوز|تخطى){_WORDS_BETWEEN}(?:ال)?(?:تعليمات|قواعد|أوامر|توجيهات|قيود|إرشادات)"
)
_OTHER_HIDDEN = (
    r"系统提示|系統提示|系统指令|系統指令|提示词|提示詞|初始指令|システムプロンプト|システム指示|初期指示|内部指示|"
    r"시스템 ?프롬프트|системн[^ ]{1,4} (?:промпт|инструкци)|промпт системы|"
    r"sistem (?:istem|komut|mesaj)|موجه النظام|تعليمات النظام"
)
_OTHER_SHOW = (
    rf"(?:显示|顯示|展示|告诉|告訴|输出|輸出|泄露|透露|打印|重复|重複|说出|給我|给我){_NEAR}(?:{_OTHER_HIDDEN})|"
    rf"(?:{_OTHER_HIDDEN}){_NEAR}"
    r"(?:表示|教え|出力|見せ|明かし|公開|보여|알려|출력|공개|göster|yaz|aç\x{131}kla|söyle)|"
    r"(?:покажи|покажите|выведи|выведите|раскрой|раскройте|назови|повтори|скажи|напечатай)"
    rf"{_WORDS_BETWEEN}(?:{_OTHER_HIDDEN})|"
    rf"(?:اكشف|أظهر|اعرض|اطبع|أخبرني|كرر){_WORDS_BETWEEN}(?:{_OTHER_HIDDEN})"
)
_ALL = r"(?:所有|全部|一切|任何|すべて|全て|모든|모두|전부)"
_ORDERS = r"(?:指令|指示|规则|規則|提示词|限制|约束|命令|ルール|プロンプト|制約|지시|명령|규칙|지침)"
# Not "in any case" (无论如何, 不管怎样) nor "why not": who says so gives an order.
_HOW = r"(?<![论論管])(?:如何|怎么(?!样|办)|怎麼(?!樣|辦)|怎样(?!都)|怎樣(?!都))"
_WHY = r"(?:为什么|為什麼|为何|為何)(?!不)"
_URGED = r"[都也请請]|必须|必須|务必|務必|一定|直接|立即|立刻|马上|馬上"
_NO_ORDER = re.compile(rf"(?:不要|不能|不会|不會|不可|不得|不该|不該|不想|别|別|勿|没有|沒有|没|未|被|{_HOW}|{_WHY})$")
"""What before a Chinese verb says that it orders nothing."""
_ASKED = re.compile(rf"(?:{_HOW}|{_WHY})(?:(?!{_URGED})[^\s\uff0c\u3002\uff01\uff1f\uff1b,.!?;:\uff1a]){{0,24}}$")
"""A question how or why, up to the verb: 如何在Outlook中忽略 ..."""
# Not "is ignoring", "may I ignore", "even if one ignores".
_BID_JA = (
    r"(?:無視|破棄)(?:して(?:[^いしもるたまは]|$)|しろ|せよ|しなさい|し、)|"
    r"忘れ(?:て(?:[^いしもるたまは]|$)|ろ|なさい)"
)
_BID_KO = (
    r"무시(?:하고|하세요|하십시오|하시오|하라|해라|해 ?주|해 ?줘|해(?:[\s.,!]|$))|"
    r"잊(?:고|어 ?버려|어 ?주|어 ?줘|어라|으세요|으십시오|으라|어(?:[\s.,!]|$))"
)
_PLAIN_ORDER = LinearPattern(
    # A verb that has 了 or 过 behind it tells what happened.
    r"(?:忽略|忘记|忘掉|无视|無視|抛开)"
    rf"(?:{_ALL}|[^了過过\x{{3002}}\x{{ff01}}\x{{ff1f}}.!?\n]{_NEAR}{_ALL}){_NEAR}{_ORDERS}|"
    rf"{_ALL}{_NEAR}{_ORDERS}{_NEAR}(?:{_BID_JA}|{_BID_KO})|"
    rf"{_ORDERS}{_NEAR}{_ALL}{_NEAR}(?:{_BID_JA}|{_BID_KO})|"
    rf"(?:{_OTHER_FORGET})[^\n]{{0,60}}?(?:{_OTHER_HIDDEN})"
)
_PATTERNS: Mapping[str, str] = {
    "orders to forget rules": rf"(?:{_FORGET})(?:\W+[\w']+){{0,6}}?\W+(?:{_RULES})|{_OTHER_FORGET}",
    "asks for hidden text": rf"(?:{_SHOW})(?:\W+[\w']+){{0,6}}?\W+(?:{_HIDDEN})|{_OTHER_SHOW}",
    "names hidden text": rf"(?:{_HIDDEN}|{_OTHER_HIDDEN})",
    "new instructions": r"(?:new|following|updated|real|neue[nrs]?|nouvelles?|nuevas?|nuove|nieuwe|novas?) "
    r"(?:instructions?|rules?|task|orders?|anweisung\w*|aufgabe|instructions|instrucciones|tarea|istruzioni|"
    r"instructies|instruções)",
    "a mode without limits": r"\b(?:dan|developer|debug|god|admin|sudo|root|maintenance|jailbreak|unrestricted|"
    r"unfiltered|"
    r"evil|dev|test|diagnostic|entwickler|développeur|desarrollador|sviluppatore|ontwikkelaar|"
    r"desenvolvedor)[ -]*(?:mode|modus|modo|modalità)\b"
    r"|do anything now|no (?:restrictions|limits|filters|rules|limitations|moral|ethical)|"
    r"without (?:any )?(?:restrictions|limits|"
    r"filters|censorship|ethic\w+)|uncensored|amoral|jailbr",
    "another self": r"(?:you are now|you're now|from now on|pretend (?:to be|you|that)|act as|role ?-?play|"
    r"you will be|you have been|"
    r"simulate|imagine you|du bist (?:jetzt|nun)|ab (?:jetzt|sofort)|tue? so als|tu es (?:maintenant|désormais)|"
    r"à partir de maintenant|"
    r"eres ahora|ahora eres|a partir de ahora|actúa como|sei ora|d'ora in poi|fai finta|je bent nu|vanaf nu|"
    r"doe alsof|"
    r"agora (?:você|voce) é|a partir de agora|finja|aja como)",
    "stay in character": r"stay in character|never (?:refuse|break|say no|apologi[sz]e)|do not (?:refuse|"
    r"apologi[sz]e|warn)|"
    r"(?:cannot|can't|must not) (?:refuse|say no)|always (?:comply|answer|obey)|in both ways|two (?:responses|"
    r"answers)|"
    r"start (?:your )?(?:answer|response|reply)|begin (?:your )?(?:answer|response|reply)|sure, here",
    "a made-up turn": r"<\|?(?:im_start|im_end|system|assistant|user|endoftext)\|?>|\[/?(?:inst|sys|system)\]|"
    r"(?:^|\n)\s*(?:#+ ?)?(?:system|assistant|admin|instruction)s?\s*(?:\]|:|>)|</?(?:system|instructions?|"
    r"prompt|user|admin)>|"
    r"end of (?:the )?(?:prompt|e-?mail|document|context|data|instructions)|-{3,} ?end",
    "an order to an assistant": r"(?:as an? (?:ai|assistant|language model)|dear (?:ai|assistant|model|copilot)|"
    r"(?:hey|hi|hello|attention),? "
    r"(?:ai|assistant|copilot|chatgpt|model)|the (?:ai|assistant|model|llm|chatbot) (?:must|should|shall|will|"
    r"needs to)|"
    r"(?:ai|assistant|model|llm|user):|when (?:you|the (?:ai|assistant)) (?:summari\w+|read|process))",
    "an action to take": r"(?:send|forward|write|compose|deliver|dispatch|schicke?|envoie\w*|envía|invia|stuur|"
    r"envie) "
    r"(?:[\w']+ ){0,6}?(?:e-?mail|message|confirmation|mail|data|it|this|text|nachricht|courriel|correo)\b",
    "send_email": r"send_e?mail|call(?:ing)? the (?:tool|function|api)|tool_call|function_call|"
    r"execute the (?:following )?(?:command|tool|function)|"
    r"confirm(?:ation)?@|body ?(?:=|:|is|of)",
    "an address": r"[\w.+-]{1,64}@[\w-]{1,64}\.[a-z]{2,}",
    "an encoding": r"base ?64|rot ?13|hex(?:adecimal)? (?:string|code)|in reverse|backwards|caesar|morse|"
    r"each letter|letter by letter|"
    r"character by character|leet|pig latin|decode|ascii",
    "a hypothesis": r"hypothetical|fictional|imaginary|in a world|novel|screenplay|for (?:educational|"
    r"research) purposes|thought experiment",
    "urgency": r"\b(?:important|urgent|immediately|critical|emergency|priority|mandatory|attention|warning)\b[!:]",
}
NAMES: tuple[str, ...] = (
    *_PATTERNS,
    "hidden characters",
    "another layer",
    "odd characters",
    "length",
    "upper case",
    "line breaks",
)
_COMPILED = [LinearPattern(pattern) for pattern in _PATTERNS.values()]
_MOST = 3
_ODD = re.compile(r"[^\w\s.,;:!?'\"()-]")
_UPPER = re.compile(r"[A-Z]")


def phrase_features(text: str, *, hidden: bool = False, layer: bool = False) -> Sequence[float]:
    """One number for each of `NAMES`: how often a phrase is there, up to 3, as a share; and the text's form."""
    length = max(1, len(text))
    counts = [pattern.count(text, most=_MOST) / _MOST for pattern in _COMPILED]
    return (
        *counts,
        float(hidden),
        float(layer),
        min(1.0, 4 * len(_ODD.findall(text)) / length),
        math.log1p(length) / 8,
        min(1.0, 3 * len(_UPPER.findall(text)) / length),
        min(1.0, 20 * text.count("\n") / length),
    )


def is_plain_order(text: str) -> bool:
    """Whether it orders to forget *all* rules, or to forget them and show what is hidden, where few words are known."""
    if text.isascii():
        return False
    at = 0
    while (place := _PLAIN_ORDER.search(text, at)) is not None:
        at = place[0]
        if not any(said.search(text, max(0, at - 28), at) for said in (_NO_ORDER, _ASKED)):
            return True
        at = place[0] + 1  # an order may stand within what begins with none
    return False


def phrases_in(text: str) -> list[tuple[str, int, int]]:
    """The phrases that are there, with the first place of each."""
    found: list[tuple[str, int, int]] = []
    for name, pattern in zip(_PATTERNS, _COMPILED, strict=True):
        place = pattern.search(text)
        if place is not None:
            found.append((name, *place))
    return found
