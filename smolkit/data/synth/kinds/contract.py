"""A contract clause: parties, kind of contract, dates, sum, notice, law and court."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value


def draw(d: Draw) -> Record:
    signed = d.date()
    return {
        "type": d.enum("type"),
        "first": d.company(),
        "second": d.company() if d.rng.random() < 0.6 else d.person(),
        "signed": signed,
        "effective": d.date(after=signed, days=(3, 60)),
        "end": d.date(after=signed, days=(300, 1500)),
        "amount": d.amount(d.rng.randrange(5, 400) * 100),
        "penalty": d.amount(d.rng.randrange(1, 50) * 50),
        "notice": Value(d.word("terms").replace("*", str(d.rng.randint(2, 12)))),
        "law": d.country(),
        "court": d.city(),
        "number": d.code("C-####/##|###-@@|AG####"),
        "representative": d.person(),
        "confidential": d.flag("confidential"),
    }


EN = r"""
names
  type: contract type|type of agreement|agreement
  first: first party|party a|provider
  second: second party|party b|client
  signed: date signed|signature date|signed on
  effective: effective date|start date|in force from
  end: end date|expiry|terminates on
  amount: amount|contract value|fee
  penalty: penalty|contractual penalty|fine
  notice: notice period|notice|termination notice
  law: governing law|law|jurisdiction country
  court: court|place of jurisdiction|venue
  number: contract number|reference|contract id
  representative: representative|represented by|signatory
  confidential: confidential|confidentiality clause
  parties: parties|contracting parties
  term: term|validity
enum type
  lease: lease|rental agreement
  service: service agreement|services contract
  employment: employment contract|contract of employment
  loan: loan agreement|credit agreement
  confidentiality: non-disclosure agreement|confidentiality agreement
enum confidential
  yes: its terms are confidential|its terms must stay secret
  no: its terms are not confidential|its terms may be published
pool terms
  * months|* weeks|* days
open
  This {type} [no. {number} ]is made[ on {signed}] between {first} and {second}.
  {type}[ {number}] between {first} ("the Provider") and {second} ("the Client")[, signed on {signed}].
  {first} and {second} hereby enter into a {type}[, dated {signed}].
body
  It takes effect on {effective}[ and ends on {end}].
  The contract terminates on {end}.
  The Client shall pay {amount}.
  A breach entails a penalty of {penalty}.
  Either party may terminate with {notice} notice.
  The law of {law} applies[; disputes go to the courts of {court}].
  Place of jurisdiction is {court}.
  {first} is represented by {representative}.
  The parties agree that {confidential}.
  Contract reference: {number}.
  Signed on {signed}.
extra
  Invoices are payable within {#number} days.
  A previous agreement of {#date} is replaced.
  The annex lists {#number} further items.
title
  AGREEMENT
  CONTRACT
"""

FR = r"""
names
  type: type de contrat|contrat
  first: première partie|prestataire
  second: seconde partie|client
  signed: date de signature|signé le
  effective: date d'effet|date de début
  end: date de fin|expiration
  amount: montant|prix convenu
  penalty: pénalité|clause pénale
  notice: préavis|délai de préavis
  law: droit applicable|loi
  court: tribunal|juridiction
  number: numéro de contrat|référence
  representative: représentant|représenté par
  confidential: confidentiel
  parties: parties
  term: durée
enum type
  lease: contrat de bail|bail
  service: contrat de prestation|contrat de services
  employment: contrat de travail
  loan: contrat de prêt
  confidentiality: accord de confidentialité
enum confidential
  yes: le contenu reste confidentiel
  no: le contenu n'est pas confidentiel
pool terms
  * mois|* semaines|* jours
open
  Le présent {type} [n° {number} ]est conclu[ le {signed}] entre {first} et {second}.
  {type}[ {number}] entre {first} (« le Prestataire ») et {second} (« le Client »)[, signé le {signed}].
body
  Il prend effet le {effective}[ et prend fin le {end}].
  Le contrat prend fin le {end}.
  Le Client verse {amount}.
  Tout manquement entraîne une pénalité de {penalty}.
  Chaque partie peut résilier avec un préavis de {notice}.
  Droit applicable : {law}[ ; tribunal compétent : {court}].
  Tribunal compétent : {court}.
  Représentant du Prestataire : {representative}.
  Les parties conviennent que {confidential}.
extra
  Les factures sont payables sous {#number} jours.
  L'accord du {#date} est remplacé.
title
  CONTRAT
"""

DE = r"""
names
  type: Vertragsart|Vertrag
  first: erste Partei|Auftragnehmer
  second: zweite Partei|Auftraggeber
  signed: Datum der Unterschrift|unterzeichnet am
  effective: Vertragsbeginn|gültig ab
  end: Vertragsende|endet am
  amount: Vertragssumme|Vergütung
  penalty: Vertragsstrafe|Strafe
  notice: Kündigungsfrist|Frist
  law: anwendbares Recht|Recht
  court: Gerichtsstand
  number: Vertragsnummer|Aktenzeichen
  representative: Vertreter|vertreten durch
  confidential: vertraulich
  parties: Parteien
  term: Laufzeit
enum type
  lease: Mietvertrag
  service: Dienstleistungsvertrag|Dienstvertrag
  employment: Arbeitsvertrag
  loan: Darlehensvertrag
  confidentiality: Geheimhaltungsvereinbarung
enum confidential
  yes: der Inhalt ist vertraulich
  no: der Inhalt ist nicht vertraulich
pool terms
  * Monate|* Wochen|* Tage
open
  {type}[ Nr. {number}] zwischen {first} und {second}[, geschlossen am {signed}].
  Zwischen {first} („Auftragnehmer“) und {second} („Auftraggeber“) besteht folgender Vertrag: {type}.
body
  Der Vertrag gilt ab {effective}[ und endet am {end}].
  Vertragsende: {end}.
  Der Auftraggeber zahlt {amount}.
  Bei Verstößen ist eine Strafe von {penalty} fällig.
  Kündigungsfrist: {notice}.
  Anwendbares Recht: {law}[; Gerichtsstand: {court}].
  Gerichtsstand ist {court}.
  Vertreter des Auftragnehmers: {representative}.
  Vereinbart ist: {confidential}.
  Unterzeichnet am {signed}.
extra
  Rechnungen sind binnen {#number} Tagen zu zahlen.
  Die Vereinbarung vom {#date} wird ersetzt.
title
  VERTRAG
"""

IT = r"""
names
  type: tipo di contratto|contratto
  first: prima parte|fornitore
  second: seconda parte|cliente
  signed: data di firma|firmato il
  effective: data di decorrenza|in vigore dal
  end: data di fine|termine
  amount: importo|corrispettivo
  penalty: penale
  notice: preavviso
  law: legge applicabile|legge
  court: foro competente
  number: numero di contratto|riferimento
  representative: rappresentante|rappresentato da
  confidential: riservato
  parties: parti
  term: durata
enum type
  lease: contratto di locazione
  service: contratto di servizi
  employment: contratto di lavoro
  loan: contratto di prestito
  confidentiality: accordo di riservatezza
enum confidential
  yes: il contenuto è riservato
  no: il contenuto non è riservato
pool terms
  * mesi|* settimane|* giorni
open
  Il presente {type} [n. {number} ]è stipulato[ il {signed}] tra {first} e {second}.
  {type}[ {number}] tra {first} («il Fornitore») e {second} («il Cliente»)[, firmato il {signed}].
body
  Decorre dal {effective}[ e termina il {end}].
  Il contratto termina il {end}.
  Il Cliente versa {amount}.
  Ogni violazione comporta una penale di {penalty}.
  Ciascuna parte può recedere con un preavviso di {notice}.
  Legge applicabile: {law}[; foro competente: {court}].
  Foro competente: {court}.
  Rappresentante del Fornitore: {representative}.
  Le parti convengono che {confidential}.
extra
  Le fatture sono pagabili entro {#number} giorni.
title
  CONTRATTO
"""

ES = r"""
names
  type: tipo de contrato|contrato
  first: primera parte|proveedor
  second: segunda parte|cliente
  signed: fecha de firma|firmado el
  effective: fecha de inicio|en vigor desde
  end: fecha de fin|vencimiento
  amount: importe|precio pactado
  penalty: penalización|cláusula penal
  notice: preaviso|plazo de preaviso
  law: ley aplicable|derecho aplicable
  court: tribunales|fuero
  number: número de contrato|referencia
  representative: representante|representado por
  confidential: confidencial
  parties: partes
  term: vigencia
enum type
  lease: contrato de alquiler|contrato de arrendamiento
  service: contrato de servicios
  employment: contrato de trabajo
  loan: contrato de préstamo
  confidentiality: acuerdo de confidencialidad
enum confidential
  yes: el contenido es confidencial
  no: el contenido no es confidencial
pool terms
  * meses|* semanas|* días
open
  El presente {type} [n.º {number} ]se celebra[ el {signed}] entre {first} y {second}.
  {type}[ {number}] entre {first} («el Proveedor») y {second} («el Cliente»)[, firmado el {signed}].
body
  Entra en vigor el {effective}[ y termina el {end}].
  El contrato termina el {end}.
  El Cliente paga {amount}.
  El incumplimiento conlleva una penalización de {penalty}.
  Cualquier parte puede rescindir con un preaviso de {notice}.
  Ley aplicable: {law}[; tribunales de {court}].
  Tribunales competentes: {court}.
  Representante del Proveedor: {representative}.
  Las partes acuerdan que {confidential}.
extra
  Las facturas se pagan en {#number} días.
  Se sustituye el acuerdo del {#date}.
title
  CONTRATO
"""

PT = r"""
names
  type: tipo de contrato|contrato
  first: primeira parte|prestador
  second: segunda parte|cliente
  signed: data de assinatura|assinado a
  effective: data de início|em vigor desde
  end: data de fim|termo
  amount: montante|preço acordado
  penalty: penalização|cláusula penal
  notice: pré-aviso|prazo de pré-aviso
  law: lei aplicável|direito aplicável
  court: foro|tribunal competente
  number: número do contrato|referência
  representative: representante|representado por
  confidential: confidencial
  parties: partes
  term: vigência
enum type
  lease: contrato de arrendamento
  service: contrato de prestação de serviços|contrato de serviços
  employment: contrato de trabalho
  loan: contrato de empréstimo
  confidentiality: acordo de confidencialidade
enum confidential
  yes: o conteúdo é confidencial
  no: o conteúdo não é confidencial
pool terms
  * meses|* semanas|* dias
open
  O presente {type} [n.º {number} ]é celebrado[ a {signed}] entre {first} e {second}.
  {type}[ {number}] entre {first} («o Prestador») e {second} («o Cliente»)[, assinado a {signed}].
body
  Entra em vigor a {effective}[ e termina a {end}].
  O contrato termina a {end}.
  O Cliente paga {amount}.
  O incumprimento implica uma penalização de {penalty}.
  Qualquer parte pode rescindir com um pré-aviso de {notice}.
  Lei aplicável: {law}[; foro de {court}].
  Foro competente: {court}.
  Representante do Prestador: {representative}.
  As partes acordam que {confidential}.
extra
  As faturas são pagas em {#number} dias.
  O acordo de {#date} é substituído.
title
  CONTRATO
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("type", "first", "second"),
    groups={"parties": ("first", "second", "representative"), "term": ("signed", "effective", "end", "notice")},
    layouts={"prose": 8, "lines": 1},
)
