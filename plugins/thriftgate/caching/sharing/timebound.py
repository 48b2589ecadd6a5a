"""Questions whose right answer changes by itself, or belongs to one person: today's rate, my balance, the weather.

A sentence is time-bound when it *asks* (it ends in a question mark, or opens like a question or an order) and
either names a time that moves ("today", "currently") or a subject that never stands still (weather, headlines).
"I lost my card yesterday" tells and does not ask, so it stays cacheable. The false alarms on public support
questions are measured in `evals/cache`.

The languages are English, German, French, Spanish, Italian, Portuguese, Dutch, Chinese and Japanese; in any
other one nothing is detected, and the route must say `time_sensitive: true`.

Expressions run in RE2, whose time is linear in the text. Of a text longer than twice `EDGE` its beginning and its end
are read, where a question stands.

Failure behaviour: pure and total.
"""

import re
from collections.abc import Iterator

import re2

EDGE = 4_000
"""Characters that are read from either end of a text."""


_ENDS = ".!?;\n\u3002\uff01\uff1f"
_SENTENCE = re.compile(rf"[^{_ENDS}]+[{_ENDS}]*")
_TYPOGRAPHIC = str.maketrans({"\u2019": "'", "\uff1f": "?"})

# A moving time: the answer given to it yesterday is another one.
_MOVING = (
    # en
    r"today(?:'s)?|tonight(?:'s)?|right now|currently|at the moment|at present|as of now|up[- ]to[- ]date|"
    r"latest|newest|most recent|this (?:morning|afternoon|evening|week|weekend|month|quarter|year)'?s?|"
    r"(?:current|live|real[- ]time) (?:\S+ ){0,5}?(?:price|rate|rates|balance|status|score|value|level|version|"
    r"weather|temperature|apy|credit|stock|availability|news|time|president|ceo|wait|transactions)s?|"
    r"(?:what|which|who|where|how|is|are|show)\b.*\bnow|"
    # de
    r"heute|heutigen?|jetzt|gerade|momentan|derzeit|aktuell\w*|neueste\w*|diese (?:woche|nacht)|diesen monat|"
    # fr
    r"aujourd'hui|maintenant|en ce moment|actuel\w*|ce soir|cette semaine|ce mois|derni[eè]res? nouvelles|"
    # es
    r"hoy|ahora|actual(?:es|mente)|(?:precio|tipo|tasa|saldo|estado|valor|cotizaci[oó]n) actual|"
    r"en este momento|esta (?:noche|semana)|este mes|[uú]ltimas noticias|"
    # it
    r"oggi|adesso|attual\w*|in questo momento|stasera|questa settimana|questo mese|ultime notizie|"
    # pt
    r"hoje|agora|neste momento|atual(?:mente)?|esta semana|este m[eê]s|[uú]ltimas not[ií]cias|"
    # nl
    r"vandaag|op dit moment|momenteel|huidige|vanavond|deze week|deze maand|laatste nieuws"
)

# "I lost my passport, what now?" asks for advice: its "now" is no time, unless a subject that changes by itself is
# spoken of ("Bitcoin fell. What now?"). "And now?" may well be one.
_WHAT_NOW = (
    r"what now|now what|what (?:do|should|can|must|shall|could) (?:i|we|you) do now|was (?:jetzt|nun)|"
    r"was (?:mache|tue|soll|kann|muss) (?:ich|wir) jetzt(?: tun| machen)?|"
    r"was (?:machen|tun|sollen|k[oö]nnen) wir jetzt(?: tun| machen)?|"
    r"que (?:dois-je |puis-je |doit-on )?faire maintenant|(?:et )?maintenant,? que faire|"
    r"(?:y )?ahora qu[eé](?: (?:hago|puedo hacer|debo hacer))?|qu[eé] (?:hago|puedo hacer|debo hacer) ahora|"
    r"(?:che|cosa|che cosa) (?:faccio|posso fare|devo fare) adesso|adesso (?:che|cosa) faccio|"
    r"(?:e )?agora,? o que (?:fa[cç]o|posso fazer)|o que (?:fa[cç]o|posso fazer|devo fazer) agora|"
    r"(?:en )?wat nu|wat (?:doe|moet|kan|zal) ik nu(?: doen)?|wat (?:doen|moeten|kunnen) we nu(?: doen)?"
)

# A subject that moves by itself, with no word of time near it.
_RESTLESS = (
    r"weather|forecast|headlines?|breaking news|stock price|share price|what (?:time|day|date) is it|"
    r"price of (?:bitcoin|btc|ethereum|eth|gold|silver|oil|gas)|(?:bitcoin|btc|ethereum|eth|gold|oil) price|"
    r"(?:i|we) (?:have|got) left|"
    r"wetter|schlagzeilen|aktienkurs|wie viel uhr|wie sp[aä]t ist|welcher tag|"
    r"m[eé]t[eé]o|quelle heure|quel jour|cours de l'action|"
    r"qu[eé] tiempo hace|qu[eé] hora es|qu[eé] d[ií]a es|precio de las? acci[oó]n|"
    r"che tempo fa|che ore sono|che giorno|"
    r"que horas s[aã]o|previs[aã]o do tempo|"
    r"weersverwachting|hoe laat is|welke dag"
)

# What changes by itself, where the question is what to do about it. Of a word that is as often something else (a match
# of passwords, the theft that is "vol" in French) only the clear use counts. Endings are in ASCII: with every letter of
# Unicode RE2 needs more memory than it has.
_CHANGING = (
    # en
    r"prices?|stocks?|shares|markets?|bitcoin|btc|ethereum|eth|crypto[a-z]*|nasdaq|dow jones|inflation|"
    r"(?:exchange|interest|mortgage) rates?|rates|plunged|plummeted|soared|surged|rallied|slumped|tumbled|"
    r"elections?|polls?|races?|votes?|president|government|parliament|war|ceasefire|strikes?|scores?|games?|matches|"
    r"(?:the|a|this|our) match|playoffs|finals|tournament|league|news|headlines|flights?|trains?|bus(?:es)?|"
    r"ferr(?:y|ies)|traffic|weather|storms?|hurricanes?|rain[a-z]*|snow[a-z]*|flood[a-z]*|earthquakes?|wildfires?|"
    r"deliver(?:y|ies|ed)|parcels?|packages?|shipments?|courier|"
    # de
    r"preise?n?|(?:aktien|bitcoin|wechsel|dollar|euro)?kurse?|aktien?|b[oö]rse[a-z]*|zins[a-z]*|m[aä]rkten?|markt|"
    r"wahl(?:en|ergebnis[a-z]*)?|umfragen?|pr[aä]sident[a-z]*|regierung[a-z]*|krieg|spiel(?:e|stand)?|(?:bundes)?liga|finale|"
    r"nachrichten|schlagzeilen|fl[uü]ge?|flugzeug|z[uü]ge?|bahn|f[aä]hre|stau|verkehr|wetter[a-z]*|unwetter|sturm|"
    r"regen|regnet|schneit|gewitter|(?:aus)?lieferung(?:en)?|paket[a-z]*|sendung[a-z]*|(?:bahn)?streiks?|"
    # fr
    r"prix|les? cours|bourse|actions|taux|march[eé]s?|[eé]lections?|sondages?|pr[eé]sident[a-z]*|gouvernement|guerre|"
    r"le match|championnat|ligue|actualit[eé]s?|les nouvelles|infos|(?:mon|notre) vol|vols|(?:l'|mon )avion|m[eé]tro|"
    r"gr[eè]ve|trafic|m[eé]t[eé]o|orages?|temp[eê]te|pluie|neige|livraisons?|colis|"
    # es
    r"precios?|cotizaci[oó]n[a-z]*|bolsa|acciones|(?:tasas?|tipos?) de (?:inter[eé]s|cambio)|inflaci[oó]n|mercados?|"
    r"elecci(?:[oó]n|ones)|encuestas?|presidente[a-z]*|gobierno|guerra|partido|marcador|liga|la final|noticias|"
    r"titulares|vuelos?|tren(?:es)?|autob[uú]s|huelga|tr[aá]fico|clima|tormenta|lluvia|nieve|entregas?|paquetes?|"
    r"env[ií]os?|"
    # it
    r"prezz[oi]|borsa|azioni|tass[oi]|inflazione|mercat[oi]|elezion[ei]|sondagg(?:io|i)|governo|partita|punteggio|"
    r"campionato|notizi[ae]|vol[oi]|aereo|tren[oi]|autobus|sciopero|traffico|meteo|temporale|tempesta|pioggia|neve|"
    r"consegn[ae]|pacc(?:o|hi)|spedizion[ei]|"
    # pt
    r"pre[cç]os?|a[cç](?:[aã]o|[oõ]es) d[ao]|a[cç][oõ]es|taxas? de (?:juros|c[aâ]mbio)|infla[cç][aã]o|"
    r"elei[cç](?:[aã]o|[oõ]es)|pesquisas?|governo|jogo|placar|not[ií]cias|v[oô]os?|trem|trens|comboios?|[oô]nibus|"
    r"autocarro|greve|tr[aâ]nsito|tempestade|chuva|encomendas?|pacotes?|"
    # nl
    r"prij(?:s|zen)|(?:aandelen|wissel)?koers(?:en)?|beurs|aandelen|rente|inflatie|markten|verkiezing[a-z]*|peiling[a-z]*|regering|kabinet|"
    r"oorlog|wedstrijd[a-z]*|competitie|nieuws|vlucht[a-z]*|vliegtuig|trein[a-z]*|staking[a-z]*|verkeer|onweer|sneeuw[a-z]*|"
    r"bezorging[a-z]*|levering[a-z]*|pakket[a-z]*|pakje|zending[a-z]*"
)

# A look into one person's own account.
_PERSONAL = (
    r"(?:what(?:'s| is| are| was)|how much is|show(?: me)?|check|tell me|give me|list) (?:\S+ ){0,2}?my (?:\S+ ){0,3}?"
    r"(?:balance|credit score|available credit|transactions|order status|account number|routing number|data usage)|"
    r"how much (?:\S+ ){0,2}?(?:do|did) i (?:owe|spend|spent)|"
    r"(?:status|eta) of (?:my|the) (?:order|claim|refund)|"
    r"where(?:'s| is) my (?:order|package|parcel|refund)|when (?:is|was) my (?:next|last) \w+|"
    r"mein (?:konto|rest|guthaben)\w*stand|wo ist meine? (?:bestellung|paket)|o[uù] est ma commande|mon solde|"
    r"mi saldo|d[oó]nde est[aá] mi pedido|il mio saldo|dov'[eè] il mio ordine|"
    r"meu saldo|onde est[aá] (?:o )?meu pedido|"
    r"mijn saldo|waar is mijn bestelling"
)

_OPENING = (
    r"(?:(?:please|pls|hi|hello|hey|ok|so|and|but|y|et|e|en|und)[, ]+)*"
    r"(?:what|which|who|whose|where|when|why|how|is|are|was|were|do|does|did|can|could|will|would|should|has|have|"
    r"show|tell|give|list|check|get|find|look|pull|summari[sz]e|"
    r"was|welche\w*|wer|wo|wann|wie|ist|sind|gibt|zeig\w*|nenn\w*|"
    r"quel\w*|qui|o[uù]|quand|combien|est-ce|donne\w*|montre\w*|"
    r"qu[eé]|cu[aá]l\w*|qui[eé]n\w*|d[oó]nde|cu[aá]ndo|cu[aá]nto\w*|c[oó]mo|dime|muestra\w*|"
    r"che|qual\w*|chi|dove|quando|quanto|come|dimmi|mostra\w*|quem|onde|mostre|wat|welke|wie|waar|wanneer|hoe|"
    r"hoeveel|hoelang|toon|now,? (?:what|which|who|how much)|ahora,? (?:qué|cuál(?:es)?|cuánt[oa]s?|cómo|quién(?:es)?)|"
    r"agora,? que horas|adesso,? che or[ae]|maintenant,? quel(?:le)?s?)\b"
)

# Neither Chinese nor Japanese puts spaces between words, so these stand without word boundaries.
_CJK = re2.compile(
    r"今天|今日|今晚|今夜|现在|現在|目前|最新|天气|天気|股价|株価|汇率是多少|为替レート|几点|何時ですか|余额|残高"
)


def _words(*expressions: str) -> str:
    """The expressions as whole words; RE2 knows letters beyond ASCII by their classes only."""
    whole = "|".join(expressions).replace(r"\w", r"[\pL\pN_]")
    return rf"(?i)(?:^|[^\pL\pN_])(?:{whole})(?:$|[^\pL\pN_])"


_TIME_BOUND = re2.compile(_words(_MOVING, _RESTLESS))
_ASKS = re2.compile(
    r"(?i)^[^\pL\pN_]*" + _OPENING.replace(r"\w", r"[\pL\pN_]").removesuffix(r"\b") + r"(?:$|[^\pL\pN_])"
)
# "How much do I have?", but not "how much do I have to pay?".
_HAVE = r"how much (?:\S+ ){0,2}?(?:do|did) i have(?:[^\pL\pN_ ]| ?$| [^t]| t[^o]| to[\pL\pN_])"
_OWN_ACCOUNT = re2.compile(rf"{_words(_PERSONAL)}|(?:^|[^\pL\pN_]){_HAVE}")


_CHANGES = re2.compile(_words(_RESTLESS, _CHANGING))
_IDIOM = re2.compile(rf"(?i)(?:^|[^\pL\pN_])(?:{_WHAT_NOW})[^\pL\pN_]*$")


def is_time_bound(question: str) -> bool:
    """Whether the answer to `question` goes out of date by itself. About 10 µs for 20 words."""
    texts = list(_read(question))
    sentences = [sentence for text in texts for sentence in _SENTENCE.findall(text)]
    idioms = [_IDIOM.search(sentence) for sentence in sentences]
    if any(idioms) and any(_CHANGES.search(text) is not None for text in texts):
        return True  # what to do depends on where the subject stands by now
    return any(
        _asks(sentence) and _moves(sentence if idiom is None else sentence[: idiom.start()])
        for sentence, idiom in zip(sentences, idioms, strict=True)
    )


def is_about_own_account(question: str) -> bool:
    """Whether `question` asks to look something up for this one person. About 10 µs for 20 words."""
    return any(_OWN_ACCOUNT.search(text) is not None for text in _read(question))


def _read(question: str) -> Iterator[str]:
    """The text, or both ends of a long one. Half a surrogate pair, which RE2 does not take, becomes a question mark."""
    ends = (question,) if len(question) <= 2 * EDGE else (question[:EDGE], question[-EDGE:])
    for text in ends:
        yield text.translate(_TYPOGRAPHIC).encode("utf-8", "replace").decode()


def _asks(sentence: str) -> bool:
    return sentence.rstrip()[-1:] == "?" or _ASKS.match(sentence) is not None or _CJK.search(sentence) is not None


def _moves(said: str) -> bool:
    return _TIME_BOUND.search(said) is not None or _CJK.search(said) is not None
