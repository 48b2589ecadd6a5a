"""Articles, pronouns, prepositions, auxiliaries and greetings of the languages that the network knows.

They are written with a capital at the beginning of a sentence, in titles and on buttons, and are no part of a name.
"""

_LISTED = (
    # English
    "the this that these those a an my your his her our their we you i he she it they and or but for with from to at",
    "in on of by is are was were be been have has had do does did can could will would should not no yes why how what",
    "when where who which if as so then there here please thanks thank hello hi dear good new order two three",
    # German
    "der die das den dem des ein eine einen einem einer dieser diese dieses diesen mein meine meinen ihr ihre ihren",
    "ihrem sein seine unser unsere wir ich sie er es und oder aber für mit von zu an in auf aus bei nach ist sind war",
    "hat haben habe kann können wird nicht kein keine warum wie was wann wo wer wenn als so dann da hier bitte danke",
    "hallo sehr heute morgen gestern danach guten zwei drei neue neuer vor seit um auch noch schon zum zur im am",
    # French
    "le la les un une des du de mon ma mes votre vos son sa ses notre nos leur ce cette ces je tu il elle nous vous",
    "ils et ou mais pour avec à au aux dans en sur par est sont a ont ai avez peut pas ne pourquoi comment quand où",
    "qui que quoi si merci bonjour salut bonne deux chez",
    # Spanish
    "el los las una unos unas mi mis su sus tu nuestro este esta estos estas yo ella nosotros ellos y o pero para con",
    "por al del es fue ha han he qué cómo cuándo dónde quién gracias hola buenos buenas dos desde",
    # Italian
    "lo gli uno mio mia miei vostro vostra suo sua nostro nostra questo questa io lui lei noi voi e ma per di da è",
    "sono hanno ho non perché come quando dove chi che se grazie ciao buongiorno due dal dalla nel nella al alla",
    # Dutch
    "het een mijn uw jullie zijn haar ons onze deze dit die dat ik jij u hij zij wij we en of maar voor met van naar",
    "aan op uit bij heeft hebben heb kunt wordt niet geen waarom hoe wat wanneer waar wie dan bedankt hoi goede nog",
    # Portuguese
    "o os as um uma meu minha seu nosso vosso vossa eu ele ela nós eles mas com em no na do dos das ao à são foi tem",
    "têm não porque quando onde quem obrigado obrigada olá oi bom boa dois",
)
CLOSED_CLASS = frozenset(word for line in _LISTED for word in line.split())
"""In lower case."""
