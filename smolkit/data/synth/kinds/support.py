"""A chat with a help desk: customer, contract, device, fault, what was tried, when to call. In the test split only."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value


def draw(d: Draw) -> Record:
    return {
        "customer": d.person(),
        "agent": d.text("first names"),
        "account": d.code("K-#####|##-###-##|CU######"),
        "device": Value(f"{d.invented()} {d.code('@###|##@|@@-##').text}"),
        "problem": d.text("problems"),
        "mood": d.enum("mood"),
        "resolved": d.flag("resolved"),
        "callback": d.phone(),
        "when": d.time(9, 19),
        "ticket": d.code("T######|#####-@|HD-####"),
        "refund": d.money(4, 90),
        "bought": d.date(),
    }


EN = r"""
names
  customer: customer|customer name|user
  agent: agent|support agent|employee
  account: customer number|account number|contract id
  device: device|product|device model
  problem: problem|fault|complaint
  mood: mood|customer mood|sentiment
  resolved: resolved|solved|issue closed
  callback: callback number|call back on
  when: callback time|best time to call
  ticket: ticket|ticket number|case number
  refund: refund|credit|compensation
  bought: bought on|date bought|date of sale
  caller: caller|client data
enum mood
  angry: I am really angry|this makes me furious
  calm: no rush, I can wait|it is no big deal
  grateful: thank you so much|that is very kind
enum resolved
  yes: it works again|the problem is solved
  no: it still does not work|the problem remains
pool problems
  the screen stays black|no sound comes out|the battery dies within an hour|it smells of smoke|the lid does not close|
  it keeps restarting|the app cannot find it|a button is stuck|it leaks water|the light flickers|the cable is torn|
  it is far too loud
whole
  Agent: Good morning, how can I help?
    Customer: This is {customer}. With my {device}, {problem}.
    [Agent: Your customer number? Customer: {account}.]
    [Agent: When did you buy it? Customer: On {bought}.]
    [Customer: {mood}.]
    [Agent: I opened case {ticket}.]
    [Agent: Where can we call you? Customer: {callback}.]
    [Agent: At what time? Customer: At {when}.]
    [Agent: You get {refund} back.]
    [Customer: {resolved}.]
  Chat with {agent}
    {customer}: Hi, {problem}. It's the {device}.
    [Please give me your customer number. - It's {account}.]
    [I see it was sold on {bought}.]
    [We pay you {refund} for the trouble.]
    [Your case is {ticket}.]
    [Shall we ring {callback}? - Yes, at {when}.]
    [Now {resolved}.]
"""

FR = r"""
names
  customer: client|nom du client
  agent: conseiller|agent
  account: numéro de client|numéro de contrat
  device: appareil|modèle de l'appareil
  problem: problème|panne
  mood: humeur
  resolved: résolu
  callback: numéro de rappel
  when: heure de rappel
  ticket: dossier|numéro de dossier
  refund: remboursement|geste commercial
  bought: date d'achat|acheté le
  caller: client
enum mood
  angry: je suis furieux
  calm: ce n'est pas pressé
  grateful: merci infiniment
enum resolved
  yes: cela remarche
  no: cela ne marche toujours pas
pool problems
  l'écran reste noir|il n'y a plus de son|la batterie se vide en une heure
  le couvercle ne ferme pas|il redémarre sans cesse
  un bouton est bloqué|il fuit|le câble est déchiré
whole
  Conseiller : Bonjour, que puis-je faire pour vous ?
    Client : Ici {customer}. Sur mon {device}, {problem}.
    [Conseiller : Votre numéro de client ? Client : {account}.]
    [Conseiller : Acheté quand ? Client : Le {bought}.]
    [Client : {mood}.]
    [Conseiller : J'ouvre le dossier {ticket}.]
    [Conseiller : Où vous rappeler ? Client : Au {callback}.]
    [Conseiller : Nous vous remboursons {refund}.]
    [Client : {resolved}.]
"""

PT = r"""
names
  customer: cliente|nome do cliente
  agent: assistente|agente
  account: número de cliente|número de contrato
  device: aparelho|modelo do aparelho
  problem: problema|avaria
  mood: humor
  resolved: resolvido
  callback: número para contacto
  when: hora para ligar
  ticket: processo|número do processo
  refund: reembolso|compensação
  bought: data de compra|comprado a
  caller: cliente
enum mood
  angry: estou furioso
  calm: não há pressa
  grateful: muito obrigado
enum resolved
  yes: já funciona
  no: continua sem funcionar
pool problems
  o ecrã fica preto|não há som|a bateria dura uma hora
  a tampa não fecha|reinicia sozinho|um botão está preso|verte água
whole
  Assistente: Bom dia, em que posso ajudar?
    Cliente: Fala {customer}. No meu {device}, {problem}.
    [Assistente: O seu número de cliente? Cliente: {account}.]
    [Assistente: Quando comprou? Cliente: A {bought}.]
    [Cliente: {mood}.]
    [Assistente: Abri o processo {ticket}.]
    [Assistente: Para onde ligamos? Cliente: Para o {callback}.]
    [Assistente: Devolvemos {refund}.]
    [Cliente: {resolved}.]
"""

DE = r"""
names
  customer: Kunde|Name des Kunden
  agent: Berater|Mitarbeiter
  account: Kundennummer|Vertragsnummer
  device: Gerät|Gerätemodell
  problem: Problem|Störung
  mood: Stimmung
  resolved: gelöst
  callback: Rückrufnummer
  when: Rückrufzeit
  ticket: Vorgang|Vorgangsnummer
  refund: Erstattung|Gutschrift
  bought: Kaufdatum|gekauft am
  caller: Anrufer
enum mood
  angry: ich bin wirklich wütend
  calm: es eilt nicht
  grateful: vielen herzlichen Dank
enum resolved
  yes: es geht wieder
  no: es geht immer noch nicht
pool problems
  der Bildschirm bleibt schwarz|es kommt kein Ton|der Akku hält nur eine Stunde|der Deckel schließt nicht
  es startet ständig neu|eine Taste klemmt|es läuft Wasser aus|das Kabel ist gerissen
whole
  Berater: Guten Tag, was kann ich für Sie tun?
    Kunde: Hier ist {customer}. Bei meinem {device}: {problem}.
    [Berater: Ihre Kundennummer? Kunde: {account}.]
    [Berater: Wann gekauft? Kunde: Am {bought}.]
    [Kunde: {mood}.]
    [Berater: Ich lege den Vorgang {ticket} an.]
    [Berater: Wo erreichen wir Sie? Kunde: Unter {callback}.]
    [Berater: Um wie viel Uhr? Kunde: Um {when} Uhr.]
    [Berater: Wir erstatten {refund}.]
    [Kunde: {resolved}.]
"""

ES = r"""
names
  customer: cliente|nombre del cliente
  agent: agente|asesor
  account: número de cliente|número de contrato
  device: aparato|modelo del aparato
  problem: problema|avería
  mood: ánimo
  resolved: resuelto
  callback: número de contacto
  when: hora de llamada
  ticket: incidencia|número de incidencia
  refund: reembolso|compensación
  bought: fecha de compra|comprado el
  caller: cliente
enum mood
  angry: estoy muy enfadado
  calm: no hay prisa
  grateful: muchísimas gracias
enum resolved
  yes: ya funciona
  no: sigue sin funcionar
pool problems
  la pantalla se queda negra|no se oye nada|la batería dura una hora|la tapa no cierra
  se reinicia solo|un botón está atascado|pierde agua|el cable está roto
whole
  Agente: Buenos días, ¿en qué puedo ayudarle?
    Cliente: Soy {customer}. En mi {device}, {problem}.
    [Agente: ¿Su número de cliente? Cliente: {account}.]
    [Agente: ¿Cuándo lo compró? Cliente: El {bought}.]
    [Cliente: {mood}.]
    [Agente: Abro la incidencia {ticket}.]
    [Agente: ¿Dónde le llamamos? Cliente: Al {callback}.]
    [Agente: ¿A qué hora? Cliente: A las {when}.]
    [Agente: Le devolvemos {refund}.]
    [Cliente: {resolved}.]
"""

IT = r"""
names
  customer: cliente|nome del cliente
  agent: operatore|consulente
  account: codice cliente|numero di contratto
  device: apparecchio|modello dell'apparecchio
  problem: problema|guasto
  mood: umore
  resolved: risolto
  callback: numero da richiamare
  when: ora della chiamata
  ticket: pratica|numero di pratica
  refund: rimborso|indennizzo
  bought: data di acquisto|comprato il
  caller: cliente
enum mood
  angry: sono davvero arrabbiato
  calm: non c'è fretta
  grateful: grazie infinite
enum resolved
  yes: ora funziona
  no: non funziona ancora
pool problems
  lo schermo resta nero|non si sente nulla|la batteria dura un'ora|il coperchio non si chiude
  si riavvia da solo|un tasto è bloccato|perde acqua|il cavo è rotto
whole
  Operatore: Buongiorno, come posso aiutarla?
    Cliente: Sono {customer}. Sul mio {device}, {problem}.
    [Operatore: Il suo codice cliente? Cliente: {account}.]
    [Operatore: Quando l'ha comprato? Cliente: Il {bought}.]
    [Cliente: {mood}.]
    [Operatore: Apro la pratica {ticket}.]
    [Operatore: Dove la richiamiamo? Cliente: Al {callback}.]
    [Operatore: A che ora? Cliente: Alle {when}.]
    [Operatore: Le rimborsiamo {refund}.]
    [Cliente: {resolved}.]
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("customer", "device", "problem"),
    groups={"caller": ("customer", "account", "callback")},
    layouts={"whole": 1},
)
