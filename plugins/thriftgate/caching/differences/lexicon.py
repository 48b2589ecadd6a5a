"""The words the guards know: function words, negations, prepositions, dates, numbers, and what tells languages apart.

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

# What tells a language without word lists, of questions too short for a share of known words. No word stands here that
# one of the known languages has, nor one that is common in English texts.
OTHER_LANGUAGE_WORDS = _words(
    # Polish, Czech, Slovak
    "jak czy jest nie się mogę moge można mozna chcę chce dlaczego gdzie kiedy moje mój moja jakie oraz przez konto "
    "proč proc kde kdy můžu muzu mohu můj muj moje chci prosím prosim jsem jsou nejde účet ucet prečo preco môžem "
    "mozem "
    # Croatian, Serbian, Slovenian, Romanian, Hungarian, Finnish, Estonian, Albanian
    "kako gdje gde zašto zasto mogu moj moja želim zelim račun racun nije kdaj lahko zakaj "
    "cum unde când cand pot vreau contul meu pentru este sunt cardul mea "
    "hogyan hogy miért miert hol mikor nem kell szeretnék szeretnek lehet egy "
    "miten miksi missä missa milloin voinko haluan onko minun mikä "
    "kuidas miks kus millal soovin minu llogari dua "
    # Swedish, Danish, Norwegian, Icelandic
    "hur jag vill inte mitt är och varför varfor hvordan jeg ikke hvorfor hvor mitt kortet konto nár når hvernig ég "
    # Turkish, Azerbaijani
    "nasil istiyorum hesap hesabi bir için icin neden kart karti kartimi nerede lütfen "
    "lutfen değil degil miyim necə nece "
    # Indonesian, Malay, Vietnamese, Tagalog, Swahili, Catalan, Basque, Welsh, Irish
    "bagaimana apakah cara saya tidak rekening dimana kapan mengapa untuk yang dengan akun ingin adakah "
    "nyalakan matikan lampu dapur kamar pembayaran pengiriman harus membayar sebelum setelah "
    "encén llum cuina "
    "làm sao tôi không tài khoản thế nào của được "
    "paano bakit saan kailan hindi ang aking gusto "
    "ninawezaje vipi kwa nini wapi akaunti yangu "
    "puc vull compte meva meu quan què nola nahi dut sut mae fy cyfrif conas "
) - _words(
    "rekening gusto hindi kus nola proc jest "
    "konto kart chce moje pot este meu mea mitt bir sut dut kell egy hol ang nini vill cara sao inte nem fy mae dua"
)

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
    "not no never none nothing nobody neither nor hardly barely without "
    "cannot cant dont doesnt didnt isnt arent wasnt werent wont "
    "wouldnt shouldnt couldnt hasnt havent hadnt aint except exclude excludes excluded excluding unless "
    "nicht kein keine keinen keiner nie niemals ohne ne pas jamais aucun aucune sans no nunca jamás ningún ninguna sin "
    "non mai nessun nessuna senza não nunca nenhum nenhuma sem niet geen nooit zonder "
    "außer ausser ausgenommen behalve uitgezonderd sauf excepté salvo excepto tranne eccetto exceto"
)

FOREIGN_NEGATIONS = _words(
    "inte icke aldrig ingen inget inga ikke aldri intet ingenting ei eivät enkö eikö emme älä nigdy nikt nic bez není "
    "nikdy nejde nelze nemůžu nemohu nem nincs soha niciodată fără değil yok tidak bukan jangan tanpa belum wala huwag "
    "mitte nije nisam nikada"
)
"""Denials in languages without word lists; they do not tell a language that has some."""

FIRST_NEGATIONS = _words("ne non no não nie nigdy nikt nic")
SECOND_NEGATIONS = _words(
    "nie nigdy nikt nic "
    "pas jamais aucun aucune rien personne plus mai nessun nessuna nessuno niente nunca jamás ningún ninguna ninguno "
    "nada nadie nenhum nenhuma ninguém"
)
"""What follows the first in the same denial, in languages that deny with two words."""

CONJUNCTIONS = _words(
    "but and or if when while because since although though that whether as until unless so "
    "aber und oder wenn falls weil dass obwohl sondern während bis "
    "maar en of als omdat dat hoewel terwijl tot "
    "mais et ou si quand parce que puisque "
    "pero y o cuando porque aunque sino mientras "
    "ma e se quando perché anche mentre "
    "mas embora enquanto"
)
"""Words between two clauses."""

CURRENCIES = {
    "$": "usd", "dollar": "usd", "dollars": "usd", "usd": "usd",
    "€": "eur", "euro": "eur", "euros": "eur", "eur": "eur",
    "£": "gbp", "pounds": "gbp", "gbp": "gbp", "sterling": "gbp",
    "¥": "jpy", "yen": "jpy", "jpy": "jpy", "yuan": "cny", "cny": "cny", "rmb": "cny",
    "franc": "chf", "francs": "chf", "chf": "chf", "rubles": "rub", "ruble": "rub", "rub": "rub",
    "rupee": "inr", "rupees": "inr", "inr": "inr", "aud": "aud", "cad": "cad", "btc": "btc", "bitcoin": "btc",
}  # fmt: skip

_WEEKDAYS = (
    "monday montag lundi lunes lunedì segunda-feira maandag mon"
    " måndag mandag maanantai maanantaina poniedziałek pondělí pazartesi hétfő hétfőn luni senin",
    "tuesday dienstag mardi martes martedì terça-feira dinsdag tue"
    " tisdag tirsdag tiistai tiistaina wtorek úterý sal\u0131 kedd kedden marți selasa",
    "wednesday mittwoch mercredi miércoles mercoledì quarta-feira woensdag wed"
    " onsdag keskiviikko keskiviikkona środa środę středa středu çarşamba szerda szerdán miercuri rabu",
    "thursday donnerstag jeudi jueves giovedì quinta-feira donderdag thu"
    " torsdag torstai torstaina czwartek čtvrtek perşembe csütörtök csütörtökön joi kamis",
    "friday freitag vendredi viernes venerdì sexta-feira vrijdag fri"
    " fredag perjantai perjantaina piątek pátek cuma péntek pénteken vineri jumat",
    "saturday samstag samedi sábado sabato zaterdag"
    " lördag lørdag lauantai lauantaina sobota sobotę sobotu cumartesi szombat szombaton sâmbătă sabtu",
    "sunday sonntag dimanche domingo domenica zondag"
    " söndag søndag sunnuntai sunnuntaina niedziela niedzielę neděle neděli pazar vasárnap duminică",
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
_DAYS = {word: group.split()[0] for group in (*_WEEKDAYS, *_MONTHS, *_RELATIVE) for word in group.split()}
WEEKDAYS = frozenset(group.split()[0] for group in _WEEKDAYS)
"""The names by which days of the week are compared."""
MONTHS = frozenset(group.split()[0] for group in _MONTHS)
"""The names by which months are compared."""
DATES = _DAYS | {f"{day}s": name for day, name in _DAYS.items() if day.endswith(("day", "tag", "woch"))}
"""Every known word for a day or month, and the name it is compared by; "Sundays" are compared as "Sunday"."""

NO_DATES = {"fr": frozenset({"mon"}), "de": frozenset({"hier"}), "nl": frozenset({"hier"})}
"""By language, the words that are a day or month in another one only."""

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

CONTRACTIONS = {"m": "am", "re": "are", "ve": "have", "ll": "will", "d": "would", "s": "is"}
"""What stands behind an English apostrophe, and what it stands for."""

SLOPPY_WORDS = {
    word.replace("'", ""): word
    for word in _words(
        "i'm i've you're you've you'll we've they've they'll they're what's that's there's where's how's here's "
        "who've didn't doesn't don't isn't aren't wasn't weren't won't wouldn't shouldn't couldn't can't hasn't "
        "haven't hadn't ain't it'll that'll he's she's"
    )
}
"""Contractions without their apostrophe that are no words of their own, and with it."""

INTERCHANGEABLE_WORDS = _words(
    "a an the this that these those my our your any some i we me us it you can could do does did would should is "
    "are was be am been being have has had get got please pls so and but then just also if of for at in to about on "
    "into what which much many how when need want like will must help tell know "
    "der die das den dem des ein eine einen einem einer mein meine meinen meiner kann ich wir ist bitte "
    "le la les un une mon ma mes je nous el los las una mi mis yo puedo "
    "il lo gli mio mia posso de het een mijn kan ik os um uma meu minha eu"
)
"""Words that may stand for one another where nothing else differs, but for those that `SMALL_WORDS` tells apart."""

MEANING_WORDS = _words(
    "mean means meaning define defines definition translate translation "
    "bedeutet bedeuten heißt heisst bedeutung übersetze betekent betekenis vertaal signifie veut définition traduis "
    "significa significado traduce significato traduci traduz "
    "word words spell spelled spelt wort wörter mot mots palabra palabras woord woorden parola parole palavra palavras"
)
"""Words of questions about a word, where any other word is another question."""

SMALL_LETTERS = frozenset("aiestdmyouàéèòù") | {"I"}
"""Letters that are words or ends of words, and name nothing."""

CASE_WORDS = _words(
    "us it who am or is will may march mark bill rose jack frank grace hope art china turkey polish japan jersey nice "
    "reading bath apple java python rust swift ruby go shell target gap amazon windows word excel access teams office "
    "outlook chrome safari edge bolt bush august cancer aids ram rom "
    "cat dos pet mb kb gb tb nato who sie ihr ihnen essen wagen lieben morgen arm pa ma va la co ad he earth "
    "mercury mars saturn crane bishop king prince duke baker cook smith young brown black white green gray grey lord "
    "ford fox nike puma delta united southwest spirit frontier"
)
"""Words that are another word in capitals: "US" and "us", "Polish" and "polish"."""

CASELESS_WORDS = _words(
    "pin atm pdf sms faq id ids url vat iban bic swift api usb wifi wi-fi app apps ok okay tv pc cv dvd gps hr ceo cfo "
    "eur usd gbp jpy chf am pm asap fyi diy mr mrs qr otp kyc top-up e-mail email internet web google paypal "
    "visa mastercard maestro i i'm i've i'd i'll"
)
"""Words that people write with capitals or without, and mean the same."""

COMMA_WORDS = _words("no not don't dont stop wait yes nein nicht non pas não nee niet нет да")
"""Words behind which a comma makes another sentence: "No, more coffee" and "No more coffee"."""

WRITING_WORDS = _words(
    "space spaces blank blanks whitespace whitespaces tab tabs character characters char chars letter letters "
    "code codepoint codepoints byte bytes token tokens line lines field fields column columns word words length "
    "spelled spelt spelling spell punctuation comma commas semicolon colon apostrophe quote quotes hyphen dash "
    "capital capitals uppercase lowercase case-sensitive unicode ascii indentation newline newlines regex syntax "
    "parse parses valid grammar grammatical dot dots bracket brackets parenthesis parentheses ellipsis marks "
    "emoji emojis komma kommas punkte anführungszeichen fragezeichen ausrufezeichen virgule virgules guillemets "
    "comas comillas "
    "aanhalingstekens virgola virgole virgolette vírgula vírgulas aspas "
    "leerzeichen zeichen buchstabe buchstaben zeile zeilen wort wörter länge "
    "espace espaces caractère caractères lettre lettres ligne lignes mot mots "
    "espacio espacios carácter caracteres letra letras línea líneas palabra palabras "
    "spatie spaties teken tekens regel regels woord woorden "
    "spazio spazi carattere caratteri riga righe parola parole lettera lettere "
    "espaço espaços linha linhas palavra palavras"
)
"""Words of questions about the way something is written, where nothing is a mere way of writing."""
