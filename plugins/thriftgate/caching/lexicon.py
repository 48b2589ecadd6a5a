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
        ("left", "right"),
        ("on", "off"),
        ("win winning won", "lose losing lost"),
        ("accept accepting accepted", "reject rejecting rejected decline declined refuse refused"),
        ("encrypt encrypting encrypted", "decrypt decrypting decrypted"),
        ("connect connecting connected", "disconnect disconnecting disconnected"),
        ("install installing installed", "uninstall uninstalling uninstalled"),
        ("subscribe subscribing subscribed", "unsubscribe unsubscribing unsubscribed"),
        ("show showing visible", "hide hiding hidden"),
        ("legal", "illegal"),
        ("ascending", "descending"),
        ("debtor", "creditor"),
        ("inflation", "deflation"),
        ("shallow", "deep"),
        ("more", "less fewer"),
        ("larger bigger greater largest biggest", "smaller lesser smallest"),
        ("older oldest", "younger youngest newer newest"),
        ("faster fastest", "slower slowest"),
        ("always", "never"),
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
        # German
        (
            "an einschalten anschalten eingeschaltet angeschaltet",
            "aus ausschalten abschalten ausgeschaltet abgeschaltet",
        ),
        ("offen geöffnet öffne", "geschlossen schließe schließen"),
        ("vorher", "nachher danach"),
        ("erhöhen erhöhe steigern", "senken senke verringern reduzieren"),
        ("senden sende schicken überweisen", "empfangen empfange erhalten bekommen"),
        ("hinzufügen hinzu anlegen", "entfernen löschen lösche"),
        ("sperren sperre gesperrt", "entsperren entsperre entsperrt freigeben"),
        ("kündigen kündige abmelden", "abschließen anmelden verlängern"),
        ("mehr höher höchste maximal", "weniger niedriger niedrigste minimal"),
        ("hoch oben rauf", "runter unten hinunter"),
        ("mit inklusive", "ohne exklusive"),
        ("links", "rechts"),
        ("heiß warm wärmer", "kalt kälter"),
        ("billig günstig", "teuer"),
        ("starten beginnen", "stoppen beenden"),
        ("leiser", "lauter"),
        ("erlauben erlaubt", "verbieten verboten"),
        ("ankunft ankommen", "abfahrt abfahren abflug"),
        ("käufer", "verkäufer"),
        ("mieter", "vermieter"),
        # Dutch
        ("aan aanzetten inschakelen ingeschakeld", "uit uitzetten uitschakelen uitgeschakeld"),
        ("open openen opendoen geopend", "dicht sluiten dichtdoen gesloten sluit"),
        ("kopen koop gekocht", "verkopen verkoop verkocht"),
        ("verhogen verhoog hoger", "verlagen verlaag lager"),
        ("omhoog boven", "omlaag beneden"),
        ("harder", "zachter"),
        ("warmer warm", "kouder koud"),
        ("storten storting", "opnemen opname"),
        ("blokkeren blokkeer", "deblokkeren deblokkeer"),
        ("activeren activeer", "deactiveren deactiveer"),
        ("toevoegen", "verwijderen verwijder"),
        ("verzenden verstuur sturen", "ontvangen ontvang"),
        ("meer", "minder"),
        ("meest maximaal", "minst minimaal"),
        ("starten start beginnen", "stoppen stop beëindigen"),
        ("vergrendelen", "ontgrendelen"),
        ("met", "zonder"),
        ("goedkoop goedkoopste", "duur duurste"),
        ("koper", "verkoper"),
        ("huurder", "verhuurder"),
        ("aankomst", "vertrek"),
        # French
        ("allumer allume activer active", "éteindre éteins désactiver désactive"),
        ("ouvrir ouvre ouvert ouverte", "fermer ferme fermé fermée"),
        ("augmenter augmente monter", "diminuer diminue réduire baisser"),
        ("déposer dépôt", "retirer retrait"),
        ("envoyer envoie", "recevoir reçois"),
        ("ajouter ajoute", "supprimer supprime enlever"),
        ("bloquer bloque", "débloquer débloque"),
        ("avant", "après"),
        ("avec", "sans"),
        ("plus", "moins"),
        ("gauche", "droite"),
        ("chaud", "froid"),
        ("commencer démarrer", "arrêter terminer"),
        ("arrivée", "départ"),
        ("acheteur", "vendeur"),
        ("locataire", "propriétaire"),
        ("cher chère", "économique"),
        ("verrouiller", "déverrouiller"),
        # Spanish
        ("encender enciende activar activa", "apagar apaga desactivar desactiva"),
        ("abrir abre abierto abierta", "cerrar cierra cerrado cerrada"),
        ("subir sube aumentar aumenta", "bajar baja disminuir reducir"),
        ("depositar ingresar", "retirar sacar"),
        ("enviar envío", "recibir recibo"),
        ("añadir agregar", "eliminar quitar borrar"),
        ("bloquear bloqueo", "desbloquear desbloqueo"),
        ("antes", "después"),
        ("con", "sin"),
        ("más", "menos"),
        ("izquierda", "derecha"),
        ("caliente", "frío"),
        ("empezar iniciar", "terminar parar"),
        ("llegada", "salida"),
        ("comprador", "vendedor"),
        ("barato", "caro"),
        # Italian and Portuguese
        ("accendere accendi attivare", "spegnere spegni disattivare"),
        ("aprire apri", "chiudere chiudi"),
        ("aumentare alzare", "diminuire abbassare ridurre"),
        ("inviare", "ricevere"),
        ("aggiungere", "rimuovere eliminare"),
        ("bloccare", "sbloccare"),
        ("prima", "dopo"),
        ("più", "meno"),
        ("ligar ativar", "desligar desativar"),
        ("aumentar", "diminuir reduzir"),
        ("depositar", "levantar sacar"),
        ("receber", "enviar"),
        ("mais", "menos"),
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
        "first second third fourth fifth",
        "celsius fahrenheit kelvin",
        "miles kilometers kilometres meters metres feet inches",
        "kg pounds grams ounces",
        "north south east west",
        "noord zuid oost west",
        "nord süd ost west sud est ouest",
        "norte sur este oeste",
        "rot grün blau gelb schwarz weiß",
        "rood groen blauw geel zwart wit",
        "rouge vert bleu jaune noir blanc",
        "rojo verde azul amarillo negro blanco",
        "frühstück mittagessen abendessen",
        "ontbijt lunch diner",
        "desayuno almuerzo cena",
        "mutter vater bruder schwester sohn tochter",
        "moeder vader broer zus zoon dochter",
        "mère père frère sœur fils fille",
        "madre padre hermano hermana hijo hija",
        "slaapkamer keuken woonkamer badkamer",
        "schlafzimmer küche wohnzimmer badezimmer",
        "bedroom kitchen bathroom livingroom garage hallway",
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

# In other languages than English; words that are English ones too ("once", "due", "elf") are left out.
NUMBER_WORDS.update({
    word: value
    for value, words in {
        "2": "zwei twee deux dos dois", "3": "drei drie trois tres tre três", "4": "vier quatre cuatro quattro quatro",
        "5": "fünf vijf cinq cinco cinque", "6": "sechs zes seis", "7": "sieben zeven siete sette sete",
        "8": "acht huit ocho otto oito", "9": "neun negen neuf nueve nove", "10": "zehn tien dix diez dieci dez",
        "12": "zwölf twaalf douze doce dodici doze", "20": "zwanzig twintig vingt veinte venti vinte",
        "100": "hundert honderd cien cento", "1000": "tausend duizend mil mille",
    }.items()
    for word in words.split()
})  # fmt: skip

ROLE_WORDS = _words(
    "to into from over than versus vs by before after minus plus times divided per against of under above below "
    "zu zum zur nach von vom als vor gegen durch über unter mal geteilt "
    "naar van dan voor door tegen keer "
    "vers depuis que avant après contre par moins fois sur "
    "desde hasta hacia antes después contra menos entre por "
    "da di per prima dopo contro meno para"
)
"""Words that tell what is done to what; swapping their two sides asks something else."""

MOVABLE_WORDS = _words("please pls bitte hi hello hey hallo thanks thank also just still already always ever") | set(
    DATES
)
"""Words that may stand anywhere in a sentence."""

SMALL_LETTERS = frozenset("aiestdmyouàéèòù") | {"I"}
"""Letters that are words or ends of words, and name nothing."""

SMALL_WORDS = tuple(
    _words(kind)
    for kind in (
        "when where why who whom how",
        "wann wo wohin woher warum wer wie",
        "wanneer waar waarom wie hoe",
        "quand où pourquoi qui comment",
        "cuándo dónde adónde quién cómo",
        "quando dove perché chi come onde quem",
        "in out on off over under above below before after with without for against inside outside",
        "ein in aus an auf zu ab unter über vor nach mit ohne für gegen",
        "in uit aan op onder boven voor na met zonder tegen",
        "dans sur sous avant après avec sans pour contre",
        "en sobre bajo antes después con sin para contra",
        "all some any none every each both either neither only most few",
        "must may should can will",
        "he she they",
        "my your his her their our",
        "mein dein sein ihr unser", "mijn jouw zijn haar ons", "mon ton son notre votre", "mi tu su nuestro",
        "and or", "und oder", "en of", "et ou", "y o", "e o ou",
    )
)  # fmt: skip
"""Small words of which a question means exactly one: where nothing else differs, the question is another one."""

CASE_WORDS = _words(
    "us it who am or is will may march mark bill rose jack frank grace hope art china turkey polish japan jersey nice "
    "reading bath apple java python rust swift ruby go shell target gap amazon windows word excel access teams office "
    "outlook chrome safari edge bolt bush august cancer aids ram rom "
    "cat dos pet mb kb gb tb nato who sie ihr ihnen essen wagen lieben morgen arm pa ma va la co ad he earth "
    "mercury mars saturn crane bishop king prince duke baker cook smith young brown black white green gray grey lord god "
    "ford fox nike puma delta united southwest spirit frontier"
)
"""Words that are another word in capitals: "US" and "us", "Polish" and "polish"."""
