"""Opposites by the idea and the language: every idea has its words in each language that the guards know.

English, German, Dutch, French, Spanish, Italian, Portuguese, in this order; commands and infinitives first. What has no
counterpart in the others stands in `contrasts`. All words are lower case. Of regular verbs in French, Spanish, Italian
and Portuguese the infinitive is enough (`inflections`).
"""

from thriftgate.caching.differences.inflections import inflected

LANGUAGES = ("en", "de", "nl", "fr", "es", "it", "pt")
"""Of the words of an idea, in their order."""

_IDEAS = (
    (
        "enable activate enabling enabled activating activated turn-on /"
        " disable deactivate disabling disabled deactivating deactivated",
        "aktiviere aktivieren aktiviert / deaktiviere deaktivieren deaktiviert",
        "activeer activeren geactiveerd / deactiveer deactiveren gedeactiveerd",
        "active activer activez activé activée / désactive désactiver désactivez désactivé désactivée",
        "activa activo activar active activado activada /"
        " desactiva desactivo desactivar desactive desactivado desactivada",
        "attiva attivare attivi attivato attivata / disattiva disattivare disattivi disattivato disattivata",
        "ativa ative ativar ativado ativada / desativa desative desativar desativado desativada",
    ),
    (
        "open opening opened / close closing closed shut shutting",
        "öffne öffnen geöffnet öffnet / schließe schließen geschlossen schließt",
        "open openen geopend / sluit sluiten gesloten",
        "ouvre ouvrez ouvrir ouvrons ouvert ouverte / ferme fermez fermer fermé fermée",
        "abre abra abrir abierto abierta / cierra cierre cierro cierran cerrar cerrado cerrada",
        "apri apra aprire apro aperto aperta / chiudi chiuda chiudere chiuso chiusa",
        "abre abra abrir abro aberto aberta / fecha feche fechar fechado fechada encerrar encerre",
    ),
    (
        "on / off",
        "einschalten anmachen angemacht anstellen angestellt / ausschalten ausmachen ausgemacht abstellen abgestellt",
        "aanzetten aangezet inschakelen ingeschakeld / uitzetten uitgezet uitschakelen uitgeschakeld",
        "allume allumez allumer allumé allumée / éteins éteignez éteignons éteindre éteint éteinte",
        "enciende encienda enciendo encender encendido encendida / apaga apague apagar apagado apagada",
        "accendi accenda accendere acceso accesa / spegni spenga spengo spegnere spento spenta",
        "acende acenda liga ligue acender aceso acesa ligar ligado ligada /"
        " apaga apague desliga desligue apagar apagado apagada desligar desligado desligada",
    ),
    (
        "increase raise increasing increased raising raised /"
        " decrease lower decreasing decreased lowering lowered reduce reducing reduced",
        "erhöhe erhöhen erhöht steigere steigern / senke senken senkt verringere verringern reduziere reduzieren",
        "verhoog verhogen / verlaag verlagen",
        "augmente augmentez augmenter monte montez monter relever /"
        " diminue baissez baisse diminuer diminuez baisser abaisser réduis réduisez réduisons réduire réduit réduite",
        "aumenta aumente sube aumentar subo subir suba incrementar /"
        " disminuye disminuyo baja bajo reduce reduzco disminuir disminuya bajar baje reducir reduzca",
        "aumenta alza aumentare aumenti alzare alzi /"
        " diminuisci abbassa abbassare diminuire abbassi riduci ridurre riduco riduciamo ridotto ridotta",
        "aumenta aumente sobe subo aumentar subir suba /"
        " diminui baixa diminua diminuir baixar baixe reduz reduza reduzir",
    ),
    (
        "buy / sell",
        "kaufe kaufen gekauft kauf / verkaufe verkaufen verkauft verkauf",
        "koop kopen gekocht / verkoop verkopen verkocht",
        "achète acheter achetez acheté achat / vends vendre vendez vendons vendu vente",
        "compra comprar compro compré comprado / vende vender vendo vendí vendido venta",
        "compra comprare compro comprato acquistare acquisto / vendi vendere vendo venduto vendita",
        "compra comprar compre comprei comprado / vende vender venda vendi vendido",
    ),
    (
        "add adding added / remove delete removing removed deleting deleted",
        "hinzufügen hinzugefügt hinzu / entfernen löschen entferne entfernt lösche gelöscht",
        "toevoegen toegevoegd / verwijderen verwijder verwijderd",
        "ajoute ajouter ajoutez ajouté / supprime supprimer supprimez supprimé enlève enlever retire retirer",
        "añade añadir agrega agregar añadido / elimina eliminar elimine quita quitar borra borrar eliminado",
        "aggiungi aggiungere aggiunto / rimuovi rimuovere elimina eliminare togli tolgo togliere rimosso",
        "adiciona adicionar adicione acrescentar / remove remover remova eliminar excluir exclua",
    ),
    (
        "lock locking locked / unlock unlocking unlocked",
        "sperre sperren gesperrt / entsperre entsperren entsperrt",
        "vergrendel vergrendelen vergrendeld blokkeer blokkeren geblokkeerd /"
        " ontgrendel ontgrendelen ontgrendeld deblokkeer deblokkeren gedeblokkeerd",
        "verrouille verrouiller verrouillez bloque bloquer bloqué /"
        " déverrouille déverrouiller déverrouillez débloque débloquer débloqué",
        "bloquea bloquear bloquee bloqueado bloqueada / desbloquea desbloquear desbloquee desbloqueado desbloqueada",
        "blocca bloccare blocchi bloccato bloccata / sblocca sbloccare sblocchi sbloccato sbloccata",
        "bloqueia bloquear bloqueie bloqueado tranca trancar /"
        " desbloqueia desbloquear desbloqueie desbloqueado destranca destrancar",
    ),
    (
        "send sending sent / receive receiving received",
        "sende senden gesendet schicke schicken überweise überweisen /"
        " empfange empfangen empfängt erhalte erhalten bekomme bekommen",
        "verstuur verzenden stuur sturen verzonden / ontvang ontvangen krijg",
        "envoie envoyer envoyez envoyé / reçois recevoir recevez recevons reçu reçue",
        "envía envío enviar envíe envié enviado mandar / recibe recibir reciba recibí recibido",
        "invia inviare invio inviato mandare / ricevi ricevere ricevo ricevuto",
        "envia enviar envie enviei enviado mandar / recebe receber receba recebi recebido",
    ),
    (
        "start starting started / stop stopping stopped",
        "starte starten / stoppe stoppen",
        "start starten begin beginnen / stop stoppen beëindig beëindigen",
        "démarre démarrer démarrez commence commencer / arrête arrêter arrêtez termine terminer",
        "inicia iniciar empieza empezar comienza comenzar / parar termina terminar detén detener",
        "inizia iniziare avvia avviare comincia / ferma fermare arresta arrestare termina terminare",
        "inicia iniciar começa começar / parar termina terminar acabar",
    ),
    (
        "pause pausing paused suspend suspended / resume resuming resumed unpause continue",
        "pausiere pausieren pausiert unterbrechen / fortsetze fortsetzen fortgesetzt fortfahren wiederaufnehmen",
        "pauzeer pauzeren gepauzeerd onderbreken / hervat hervatten hervatte voortzetten",
        "suspends suspendre suspendu pause / reprends reprendre repris relancer",
        "pausa pausar pausado suspender / reanuda reanudar reanude continuar",
        "sospendi sospendere sospeso pausa / riprendi riprendere ripreso continuare",
        "pausa pausar pausado suspender / retoma retomar retome continuar",
    ),
    (
        "dim dimming dimmed darken darker / brighten brightening brightened brighter",
        "dimme dimmen dunkler abdunkeln / aufhelle aufhellen heller",
        "dimmen dim donkerder / verhelderen feller helderder",
        "assombris assombrir tamise tamiser / éclaircis éclaircir",
        "atenúa atenuar / aclara aclarar",
        "oscura oscurare abbuia / schiarisci schiarire",
        "escurece escurecer escureça / clareia clarear clareie",
    ),
    (
        "expand expanding expanded unfold / collapse collapsing collapsed fold",
        "ausklappen aufklappen / einklappen zuklappen",
        "uitklappen uitvouwen / inklappen invouwen",
        "développe déplier dérouler / réduis replier enrouler",
        "expande expandir / contrae contraer",
        "espandi espandere / comprimi comprimere",
        "expande expandir / recolhe recolher",
    ),
    (
        "join joining joined / leave leaving left quit quitting",
        "beitreten beigetreten / verlassen austreten verlasse ausgetreten",
        "deelnemen meedoen / verlaten verlaat",
        "rejoins rejoindre rejoint / quitte quitter quitté quittez",
        "unirme unirse únete entrar / dejar abandonar salir abandona",
        "unirmi entrare entra / lasciare uscire esci uscito",
        "entrar entra aderir / sair saia deixar",
    ),
    (
        "gain gaining gained / lose losing lost",
        "gewinne gewinnen zunehmen / verliere verlieren abnehmen",
        "win winnen aankomen / verlies verliezen afvallen",
        "gagne gagner gagné prendre / perds perdre perdu",
        "gana ganar / pierde perder",
        "guadagna guadagnare / perdi perdere",
        "ganha ganhar ganhei / perde perder",
    ),
    (
        "male males man men boy boys masculine / female females woman women girl girls feminine",
        "männlich mann männer männliche männlicher junge jungen / weiblich frau frauen weibliche weiblicher mädchen",
        "mannelijk man mannen mannelijke jongen jongens / vrouwelijk vrouw vrouwen vrouwelijke meisje meisjes",
        "masculin homme hommes masculine garçon / féminin femme femmes féminine fille",
        "masculino hombre hombres masculina niño / femenino mujer mujeres femenina niña",
        "maschile uomo uomini maschio ragazzo / femminile donna donne femmina ragazza",
        "masculino homem homens masculina menino / feminino mulher mulheres feminina menina",
    ),
    (
        "lost missing mislaid / found recovered",
        "verloren verlor verlorene / gefunden wiedergefunden gefundene",
        "verloren kwijt verloor / gevonden teruggevonden",
        "perdu perdue / trouvé trouvée retrouvé retrouvée",
        "perdido perdida perdí / encontrado encontrada encontré",
        "perso persa smarrito smarrita / trovato trovata ritrovato ritrovata",
        "perdido perdida perdi / encontrado encontrada encontrei achei achado achada",
    ),
    (
        "arm arming armed / disarm disarming disarmed",
        "scharfschalten / unscharfschalten",
        "inschakelen / uitschakelen",
        "armer / désarmer",
        "armar / desarmar",
        "armare / disarmare",
        "armar / desarmar",
    ),
    (
        "minimum min minimal least lowest / maximum max maximal most highest",
        "minimum mindestens / maximum höchstens",
        "minimaal minimum minstens / maximaal maximum hoogstens",
        "minimum minimal / maximum maximal",
        "mínimo mínima / máximo máxima",
        "minimo minima / massimo massima",
        "mínimo mínima / máximo máxima",
    ),
    (
        "first / last",
        "erste erster ersten erstes / letzte letzter letzten letztes",
        "eerste / laatste",
        "premier première / dernier dernière",
        "primero primera / último última",
        "primo / ultimo",
        "primeiro primeira / último última",
    ),
    (
        "public / private",
        "öffentlich öffentliche öffentlicher / privat private privater",
        "openbaar openbare / privé",
        "public publique / privé privée",
        "público pública / privado privada",
        "pubblico pubblica / privato privata",
        "público pública / privado privada",
    ),
    (
        "cheap / expensive",
        "billig günstig / teuer",
        "goedkoop / duur",
        "économique / cher chère",
        "barato barata / caro cara",
        "economico economica / costoso costosa",
        "barato barata / caro cara",
    ),
    (
        "hot / cold",
        "heiß warm wärmer heißer / kalt kälter",
        "warm warmer heet / koud kouder",
        "chaud chaude / froid froide",
        "caliente / frío fría",
        "caldo calda / freddo fredda",
        "quente / frio fria",
    ),
    (
        "left / right",
        "links / rechts",
        "links / rechts",
        "gauche / droite",
        "izquierda / derecha",
        "sinistra / destra",
        "esquerda / direita",
    ),
    (
        "buyer / seller",
        "käufer / verkäufer",
        "koper / verkoper",
        "acheteur / vendeur",
        "comprador / vendedor",
        "acquirente / venditore",
        "comprador / vendedor",
    ),
    (
        "tenant / landlord",
        "mieter / vermieter",
        "huurder / verhuurder",
        "locataire / propriétaire",
        "inquilino / casero propietario",
        "inquilino / proprietario",
        "inquilino / senhorio proprietário",
    ),
    (
        "arrival / departure",
        "ankunft / abfahrt abflug",
        "aankomst / vertrek",
        "arrivée / départ",
        "llegada / salida",
        "arrivo / partenza",
        "chegada / partida",
    ),
    (
        "deposit / withdraw",
        "einzahlen / abheben",
        "storten / opnemen",
        "déposer verser / retirer",
        "depositar ingresar / retirar sacar",
        "depositare versare / prelevare ritirare",
        "depositar / levantar sacar",
    ),
    (
        "subscribe subscribing subscribed / unsubscribe unsubscribing unsubscribed cancel",
        "abonnieren / abbestellen",
        "abonneren / opzeggen",
        "abonner / désabonner",
        "suscribirme / darme-de-baja cancelar",
        "abbonarmi / disdire",
        "assinar assino / cancelar cancelo",
    ),
    (
        "import / export",
        "importieren / exportieren",
        "importeren / exporteren",
        "importer / exporter",
        "importar / exportar",
        "importare / esportare",
        "importar / exportar",
    ),
    (
        "accept accepting accepted approve approved approving grant granted /"
        " reject decline rejecting rejected declining declined refuse refused deny denied denying",
        "annehmen akzeptieren annehme akzeptiere akzeptiert angenommen genehmigt / ablehnen ablehne abgelehnt",
        "accepteren aannemen accepteer geaccepteerd aangenomen goedgekeurd /"
        " weigeren afwijzen weiger geweigerd afgewezen afgekeurd",
        "accepter accepte approuver / refuser refuse rejeter",
        "aceptar acepta acepte aprobar / rechazar rechaza rechace denegar",
        "accettare accetta approvare / rifiutare rifiuta respingere respinto respinta",
        "aceitar aceita aceite aprovar / recusar rejeitar recuse negar",
    ),
    (
        "connect connecting connected / disconnect disconnecting disconnected",
        "verbinde verbinden verbunden / trenne trennen getrennt",
        "verbind verbinden / verbreek verbreken",
        "connecte connecter / déconnecte déconnecter",
        "conecta conectar / desconecta desconectar",
        "connetti collegare / disconnetti scollegare",
        "conecta conectar conecte ligar / desconecta desconectar desconecte",
    ),
    (
        "show showing shown visible / hide hiding hidden",
        "zeige zeigen anzeigen einblenden / verberge verbergen ausblenden",
        "toon tonen / verberg verbergen",
        "montre affiche afficher montrer / cache masque masquer cacher",
        "muestra mostrar / oculta ocultar",
        "mostra mostrare / nascondi nascondere",
        "mostra mostrar mostre / esconde ocultar oculta esconder",
    ),
    (
        "include including included / exclude excluding excluded extra",
        "inbegriffen enthalten inklusive / ausgeschlossen ausgenommen extra",
        "inbegrepen inclusief / uitgesloten exclusief extra",
        "inclure incluse inclus comprise / exclure exclue exclus",
        "incluir incluyo incluye incluido / excluir excluyo excluye excluido",
        "includere incluso inclusa compreso compresa / escludere escluso esclusa",
        "incluir incluso inclusa / excluir excluso",
    ),
    (
        "mandatory compulsory required obligatory / optional voluntary",
        "verpflichtend obligatorisch vorgeschrieben pflicht / freiwillig optional",
        "verplicht / optioneel vrijwillig",
        "obligatoire / facultatif facultative optionnel optionnelle",
        "obligatorio obligatoria / opcional voluntario voluntaria",
        "obbligatorio obbligatoria / facoltativo facoltativa opzionale",
        "obrigatório obrigatória / opcional facultativo facultativa",
    ),
    (
        "free gratis complimentary / paid chargeable",
        "kostenlos gratis kostenfrei / kostenpflichtig",
        "gratis kosteloos / betaald",
        "gratuit gratuite gratuits gratuites / payant payante payants payantes",
        "gratis gratuito gratuita / pagado pagada",
        "gratis gratuito gratuita / pagamento",
        "grátis gratuito gratuita / pago paga",
    ),
    (
        "allowed permitted / forbidden prohibited banned",
        "erlaubt gestattet zulässig / verboten untersagt unzulässig",
        "toegestaan toegelaten / verboden",
        "permis permise autorisé autorisée / interdit interdite défendu",
        "permitido permitida / prohibido prohibida",
        "permesso permessa consentito consentita / vietato vietata proibito proibita",
        "permitido permitida / proibido proibida",
    ),
    (
        "correct / incorrect",
        "richtig korrekt / falsch inkorrekt",
        "juist correct / onjuist fout verkeerd",
        "correct correcte / faux fausse incorrect incorrecte",
        "correcto correcta / incorrecto incorrecta equivocado equivocada",
        "giusto giusta corretto corretta / sbagliato sbagliata scorretto",
        "certo certa correto correta / errado errada incorreto",
    ),
    (
        "big large / small little",
        "groß große großer großes / klein kleine kleiner kleines",
        "groot grote / klein kleine",
        "grand grande grands grandes / petit petite petits petites",
        "grande grandes / pequeño pequeña pequeños pequeñas",
        "grande grandi / piccolo piccola piccoli piccole",
        "grande grandes / pequeno pequena pequenos pequenas",
    ),
    (
        "keep keeping kept / cancel canceling cancelling canceled cancelled",
        "behalten bestätigen bestätigt / stornieren storniere storniert",
        "behouden bevestigen bevestigd / annuleren annuleer geannuleerd",
        "garder confirmer / annuler",
        "mantener confirmar / cancelar anular",
        "mantenere confermare / annullare disdire",
        "manter confirmar / cancelar anular",
    ),
)


def _side(language: str, words: str) -> frozenset[str]:
    return frozenset(form for word in words.split() for form in inflected(language, word))


def _sides(language: str, words: str) -> tuple[frozenset[str], frozenset[str]]:
    left, right = (_side(language, side) for side in words.split("/"))
    # What both sides have by their endings tells neither.
    return left - right, right - left


OPPOSITES_OF_ALL = tuple(
    _sides(language, words) for idea in _IDEAS for language, words in zip(LANGUAGES, idea, strict=True)
)
"""The two sides of each idea, language by language."""
