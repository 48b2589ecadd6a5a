"""The words the guards know: function words, negations, opposites, rivals, dates, and what tells languages apart.

All words are lower case. The tables are English first; negations, weekdays, months and function words cover
German, French, Spanish, Italian, Portuguese and Dutch as well.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What tells one language from another: words that are frequent in exactly one of them.
LANGUAGE_MARKS = {
    "en": _words(
        "the is are was my your what how do does did can could i it this that with for have has and you of on from to"
    ),
    "de": _words("der das und ist ich nicht mein meine meinen wie ein eine einen kann mit für auf wo warum habe bitte"),
    "fr": _words("le les est je mon ma mes et pas que comment un une des pour avec dans vous puis pourquoi mais où"),
    "es": _words("el los es mi mis y cómo como una para puedo qué mi tarjeta está dónde cuándo hay cuál yo"),
    "it": _words("il gli è mio mia e come un una posso che dove quando perché ho della nel sono"),
    "pt": _words("os é meu minha e como não um uma para com por posso que onde quando eu está do da no na você"),
    "nl": _words("het een is ik mijn niet en hoe kan wat waar de van voor met wanneer waarom heb naar zijn"),
}

FUNCTION_WORDS = _words(
    "a an the this that these those some any my your his her its our their me you him us them i we he she it they "
    "is are am was were be been being do does did have has had can could will would shall should may might must "
    "what which who whom whose when where why how if whether and or but so then than as at by for from in into of on "
    "onto out over through to up with within about after before between during under again just also too very "
    "please pls hi hello hey thanks thank there here get got gets getting want wanted need needed like know tell help "
    "i'm i've i'd i'll it's what's how's where's there's that's let's you're we're they're s t d ll m re ve "
    "der die das den dem ein eine einen einem ich du er sie es wir ihr mein meine meinen ist sind war hat habe kann "
    "wie was wo wann warum und oder zu mit für auf von bei le la les un une des je tu il elle nous vous mon ma mes est "
    "et ou que qui à de du pour avec el los las una yo mi mis es y o en por con se lo gli mio mia e di per os uma eu "
    "meu minha het een ik mijn van voor"
)

NEGATIONS = _words(
    "not no never none nothing nobody neither nor without cannot cant dont doesnt didnt isnt arent wasnt werent wont "
    "wouldnt shouldnt couldnt hasnt havent hadnt aint except exclude excludes excluded excluding unless "
    "nicht kein keine keinen keiner nie niemals ohne ne pas jamais aucun aucune sans no nunca jamás ningún ninguna sin "
    "non mai nessun nessuna senza não nunca nenhum nenhuma sem niet geen nooit zonder"
)

# Words that mean the opposite of each other: the same frame with the other word asks something else.
OPPOSITES = tuple(
    (_words(left), _words(right))
    for left, right in (
        ("buy buying bought purchase purchasing", "sell selling sold"),
        ("long", "short"),
        ("deposit depositing deposited", "withdraw withdrawing withdrew withdrawn withdrawal"),
        ("open opening opened", "close closing closed"),
        ("activate activating activated reactivate", "deactivate deactivating deactivated"),
        ("enable enabling enabled", "disable disabling disabled"),
        ("increase increasing increased raise raising raised", "decrease decreasing decreased lower reduce reducing"),
        ("rise rises rising risen rose", "fall falls falling fallen fell"),
        ("up upgrade upgrading", "down downgrade downgrading"),
        ("before pre prior", "after post"),
        ("with including include included", "without excluding exclude excluded"),
        ("allow allowed allowing permit", "block blocked blocking forbid forbidden prohibit"),
        ("lock locking locked freeze freezing", "unlock unlocking unlocked unfreeze unfreezing"),
        ("block blocking blocked", "unblock unblocking unblocked"),
        ("send sending sent pay", "receive receiving received receipt"),
        ("sender payer", "recipient beneficiary payee"),
        ("borrow borrowing borrowed", "lend lending lent"),
        ("profit profits gain gains", "loss losses"),
        ("adult adults", "pediatric paediatric child children kid kids"),
        ("minimum min least lowest", "maximum max most highest"),
        ("cheapest cheap", "expensive"),
        ("upload uploading uploaded", "download downloading downloaded"),
        ("import importing imported", "export exporting exported"),
        ("add adding added", "remove removing removed delete deleting deleted"),
        ("start starting started begin", "stop stopping stopped end ending"),
        ("incoming inbound", "outgoing outbound"),
        ("inherit inherited", "gift gifted"),
        ("call calls", "put puts"),
        ("refund refunded refunds", "owe owed charge charged"),
        ("waive waived waives waiving", "charge charged charges charging"),
        ("taxable taxed", "tax-free untaxed exempt deductible"),
        ("income", "deductible deduction"),
        ("covered cover covers included", "excluded uncovered"),
        ("accept accepted accepts", "reject rejected rejects decline declined declines"),
        ("win winning won", "lose losing lost"),
        ("succeed succeeded successful", "fail failed failing"),
        ("subscribe subscribing", "unsubscribe unsubscribing cancel"),
        ("install installing installed", "uninstall uninstalling uninstalled"),
        ("login signin", "logout signout"),
        ("encrypt encrypting encrypted", "decrypt decrypting decrypted"),
        ("public", "private"),
        ("internal", "external"),
        ("domestic national local", "international foreign abroad overseas"),
        ("arrival arrivals arrive arriving", "departure departures depart departing"),
        ("entry enter entering", "exit exiting leave leaving"),
        ("true", "false"),
        ("hot", "cold"),
        ("safe", "unsafe dangerous"),
        ("first", "last"),
        ("early earlier earliest", "late later latest"),
        ("employer", "employee"),
        ("landlord", "tenant"),
        ("buyer", "seller"),
        ("hedge", "profit"),
        ("kaufen", "verkaufen"),
        ("öffnen", "schließen"),
        ("aktivieren", "deaktivieren"),
        ("einzahlen", "abheben"),
        ("acheter", "vendre"),
        ("ouvrir", "fermer"),
        ("comprar", "vender"),
        ("abrir", "cerrar fechar"),
        ("comprare", "vendere"),
    )
)

# Things of one kind of which a question usually means exactly one.
RIVALS = tuple(
    _words(kind)
    for kind in (
        "checking savings brokerage mortgage",
        "basic standard premium gold platinum silver business student enterprise pro free plus",
        "debit credit prepaid",
        "physical virtual",
        "visa mastercard amex",
        "ach wire zelle sepa swift paypal venmo",
        "ios iphone ipad android windows macos linux",
        "apple google samsung microsoft amazon",
        "monthly weekly daily yearly annual annually quarterly hourly",
        "market limit",
        "stop-loss stop-limit",
        "short-term long-term",
        "roth traditional",
        "ira 401k 401(k) sipc fdic",
        "margin cash",
        "index mutual",
        "etf etfs etn etns reit reits",
        "iso isos nso nsos rsu rsus",
        "realized unrealized",
        "variable fixed",
        "gross net",
        "breakfast lunch dinner",
        "email sms phone",
        "pin password passcode username",
        "python java javascript typescript rust golang ruby kotlin swift php",
        "mysql postgresql postgres sqlite oracle mongodb redis",
        "get post put patch delete",
        "mother father brother sister son daughter wife husband",
        "northern southern eastern western",
        "red green blue yellow black white",
    )
)

CURRENCIES = {
    "$": "usd", "dollar": "usd", "dollars": "usd", "usd": "usd",
    "€": "eur", "euro": "eur", "euros": "eur", "eur": "eur",
    "£": "gbp", "pounds": "gbp", "gbp": "gbp", "sterling": "gbp",
    "¥": "jpy", "yen": "jpy", "jpy": "jpy", "yuan": "cny", "cny": "cny", "rmb": "cny",
    "franc": "chf", "francs": "chf", "chf": "chf", "rubles": "rub", "ruble": "rub", "rub": "rub",
    "rupee": "inr", "rupees": "inr", "inr": "inr", "aud": "aud", "cad": "cad", "btc": "btc", "bitcoin": "btc",
}  # fmt: skip

_WEEKDAYS = (
    "monday montag lundi lunes lunedì segunda-feira maandag mon",
    "tuesday dienstag mardi martes martedì terça-feira dinsdag tue",
    "wednesday mittwoch mercredi miércoles mercoledì quarta-feira woensdag wed",
    "thursday donnerstag jeudi jueves giovedì quinta-feira donderdag thu",
    "friday freitag vendredi viernes venerdì sexta-feira vrijdag fri",
    "saturday samstag samedi sábado sabato zaterdag",
    "sunday sonntag dimanche domingo domenica zondag",
)
_MONTHS = (
    "january januar janvier enero gennaio janeiro januari jan",
    "february februar février febrero febbraio fevereiro februari feb",
    "march märz mars marzo março maart",
    "april avril abril aprile apr",
    "mai mayo maggio maio mei",
    "june juni juin junio giugno junho",
    "july juli juillet julio luglio julho",
    "august août agosto augustus aug",
    "september septembre septiembre settembre setembro sep sept",
    "october oktober octobre octubre ottobre outubro oct",
    "november novembre noviembre novembro nov",
    "december dezember décembre diciembre dicembre dezembro dec",
)
_RELATIVE = (
    "today heute hoy oggi hoje vandaag",
    "tomorrow morgen demain mañana domani amanhã",
    "yesterday gestern hier ayer ieri ontem gisteren",
    "tonight",
    "weekend weekends",
    "weekday weekdays",
)
DATES = {word: group.split()[0] for group in (*_WEEKDAYS, *_MONTHS, *_RELATIVE) for word in group.split()}
"""Every known word for a day or month, and the name it is compared by."""

_SMALL_NUMBERS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty"
)
# Neither "zero fees" nor "the other one" counts anything.
NUMBER_WORDS = {word: str(value) for value, word in enumerate(_SMALL_NUMBERS.split(), start=2)} | {
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "hundred": "100",
    "thousand": "1000",
    "million": "1000000",
}
