"""Words that are steps of one scale: where nothing else differs, another step asks something else.

"A day" and "a week", "once" and "twice", "the second" and "the third", "must" and "may", "morning" and "evening".
A synonym is on the same step. Told along the way in another sentence, a step is no difference: only `wording` asks.

Failure behaviour: a table, read once.
"""

_SCALES = (
    # Durations: seconds, minutes, hours, days, weeks, months, years
    "second seconds sekunde sekunden seconde secondes segundo segundos secondo secondi"
    " | minute minutes minuten minuut minuto minutos minuti | hour hours stunde stunden uur uren heure heures hora"
    " horas ora ore | day days tag tage tagen dag dagen jour jours día días giorno giorni dia dias"
    " | week weeks woche wochen weken semaine semaines semana semanas settimana settimane"
    " | month months monat monate monaten maand maanden mois mes meses mese mesi mês"
    " | year years jahr jahre jahren jaar jaren année années año años anno anni ano anos",
    # Units of length, of weight, of data
    "mm millimetre millimetres millimeter millimeters | cm centimetre centimetres centimeter centimeters | m metre"
    " metres meter meters | km kilometre kilometres kilometer kilometers | inch inches | foot feet | yard yards"
    " | mile miles",
    "mg milligram milligrams | g gram grams gramme grammes | kg kilo kilos kilogram kilograms | lb lbs pound pounds"
    " | oz ounce ounces | ton tons tonne tonnes",
    "kb kilobyte kilobytes | mb megabyte megabytes | gb gigabyte gigabytes | tb terabyte terabytes",
    # Counts, parts, ordinals
    "once einmal eenmaal | twice zweimal tweemaal | thrice dreimal driemaal | viermal viermaal",
    "single einfach enkel simple | double doppelt dubbel | triple dreifach",
    "half hälfte helft moitié mitad metà | third drittel derde tiers tercio terzo | quarter viertel kwart quart cuarto"
    " quarto | whole entire ganze hele entier entière entero entera intero intera",
    "first 1st erste ersten eerste premier première primero primera primo prima | second 2nd zweite zweiten tweede"
    " deuxième segundo segunda secondo seconda | third 3rd dritte dritten derde troisième tercero tercera terzo terza"
    " | fourth 4th vierte vierten vierde quatrième cuarto cuarta quarto quarta | fifth fünfte fünften vijfde cinquième"
    " quinto quinta | sixth sechste zesde | seventh siebte zevende | eighth achte achtste | ninth neunte negende"
    " | tenth zehnte tiende | eleventh | twelfth | thirteenth | fourteenth | fifteenth | sixteenth | seventeenth"
    " | eighteenth | nineteenth | twentieth | twenty-first | twenty-second | twenty-third | twenty-fourth"
    " | twenty-fifth | twenty-sixth | twenty-seventh | twenty-eighth | twenty-ninth | thirtieth | thirty-first | last",
    # How many of them
    "all every each alle jeder jede jedes elke ieder iedere tous toutes chaque todos todas cada tutti tutte ogni"
    " | most meisten meeste plupart mayoría | many several viele mehrere veel plusieurs muchos muchas varios varias"
    " molti molte parecchi | some einige manche sommige enkele certains certaines quelques algunos algunas alcuni"
    " alcune | both beide beiden | few wenige weinig peu pocos pocas pochi poche | one"
    " | none keine keiner geen aucun ninguno"
    " nessuno",
    # How often, how much of it
    "always immer altijd toujours siempre sempre | usually meistens meestal | often oft vaak souvent | sometimes"
    " manchmal soms parfois | rarely seldom selten zelden rarement | never nie niemals nooit jamais nunca mai",
    "almost nearly bijna presque casi quasi | completely entirely fully totally really vollständig ganz helemaal"
    " complètement completamente | partly partially teilweise gedeeltelijk partiellement parcialmente parzialmente",
    "too zu te trop | enough genug genoeg assez bastante abbastanza",
    # Duty and permission
    "must required obliged supposed necessary mandatory compulsory muss musst müssen muß moet moeten dois doit devons"
    " devez dois-je doit-il debo debe debemos devo deve dobbiamo | may allowed permitted optional possible darf dürfen"
    " mag mogen puis peux peut pouvons pouvez puis-je peut-on puedo puede podemos posso può possiamo"
    " | should soll sollte sollen zou devrais debería dovrei",
    # Times of day, of a year, and what has been so and still is
    "morning mornings morgens matin mañana mattina ochtend | afternoon afternoons nachmittag middag après-midi tarde"
    " pomeriggio | evening evenings abend avond soir sera | night nights nacht nuit noche notte | noon mittag midi"
    " mezzogiorno | midnight mitternacht middernacht minuit mezzanotte",
    "spring frühling lente printemps primavera | summer sommer zomer été verano estate | autumn fall herbst herfst"
    " automne otoño autunno | winter hiver invierno inverno",
    "already schon bereits al reeds déjà ya già | still yet noch nog encore todavía aún ancora",
    "even sogar selbst zelfs même incluso persino | only just solely merely nur alleen slechts seulement solo"
    " solamente soltanto",
    "since seit sinds depuis desde | until till bis tot jusque jusqu'à hasta fino | before vor voor avant antes prima"
    " | after nach na après después dopo",
    "this diese diesen dieser dieses deze dit cette ce esta este questo questa | next nächste nächsten nächster"
    " volgende prochain prochaine próximo próxima prossimo prossima | last past previous letzte letzten"
    " letzter vorige"
    " afgelopen dernier dernière último última pasado pasada scorso scorsa",
    "was were did war waren wurde wurden werd fu | will shall wird werden wordt worden sera sarà será",
)  # fmt: skip


def _steps(scale: str) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for step, words in enumerate(scale.split("|")):
        for word in words.split():
            found.setdefault(word, set()).add(step)
    return found


_STEPS: dict[str, dict[int, set[int]]] = {}
for _number, _scale in enumerate(_SCALES):
    for _word, _found in _steps(_scale).items():
        _STEPS.setdefault(_word, {})[_number] = _found


def are_other_steps(one: str, other: str) -> bool:
    """Whether both words are on one scale, and on no step of it together. In no order."""
    ours, theirs = _STEPS.get(one, {}), _STEPS.get(other, {})
    shared = ours.keys() & theirs.keys()
    return bool(shared) and all(ours[scale].isdisjoint(theirs[scale]) for scale in shared)
