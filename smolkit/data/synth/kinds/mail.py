"""An e-mail: sender, recipient, subject, what is asked and by when, attachment, signature."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value


def draw(d: Draw) -> Record:
    sender, recipient = d.person(), d.person()
    file = Value(f"{d.word('files')}_{d.rng.randint(1, 2030)}.{d.rng.choice(('pdf', 'xlsx', 'docx', 'zip', 'csv'))}")
    return {
        "sender": sender,
        "from": d.email(sender),
        "recipient": recipient,
        "to": d.email(recipient),
        "subject": Value(f"{d.word('subjects')} {d.invented()}"),
        "sent": d.moment() if d.rng.random() < 0.4 else d.date(),
        "deadline": d.day(),
        "meeting": d.time(),
        "room": d.code("@.##|@##|#.##"),
        "attachment": file,
        "phone": d.phone(),
        "company": d.company(),
        "urgent": d.flag("urgent"),
    }


EN = r"""
names
  sender: sender|sender name|signed by|author
  from: from|sender address|sender e-mail|reply to
  recipient: recipient|recipient name|addressee
  to: to|recipient address|recipient e-mail
  subject: subject|topic|subject line|regarding
  sent: sent|date|date sent|sent on
  deadline: deadline|reply by|requested by
  meeting: meeting time|meeting|time of meeting
  room: room|meeting room
  attachment: attachment|attached file|file name
  phone: phone|sender phone|telephone
  company: company|sender company|organisation
  urgent: urgent|is urgent
  header: header|envelope
  signature: signature|sender details
enum urgent
  yes: this is urgent|please treat this as urgent
  no: this is not urgent|there is no hurry
pool files
  report|minutes|budget|offer|photos|plan|contract|results|invoice|slides|draft|timesheet
pool subjects
  Meeting about|Offer for|Question on|Update:|Delivery of|Budget|Visit to|Draft of|Feedback on
  Contract with|Problem with|Order for
whole
  From: {from}
    To: {to}
    [Date: {sent}]
    Subject: {subject}\n
    Dear {recipient},
    [please find {attachment} attached.][ Please answer by {deadline}.][ Note: {urgent}.]
    [We meet at {meeting} in room {room}.]
    <Best regards|Kind regards|Thanks>,
    {sender}
    [{company}]
    [Tel. {phone}]
  Subject: {subject}
    [From: {sender}, {company}]\n
    Hi {recipient},
    [could you reply by {deadline}?][ The meeting is at {meeting}.][ The room is {room}.]
    [You will find {attachment} attached.][ By the way, {urgent}.]
    [My number is {phone}.]
    Cheers
  Hello {recipient},
    <about|regarding> "{subject}": [I need your answer by {deadline}.][ See {attachment}.]
    [Let us meet at {meeting}, room {room}.][ Call me on {phone}.]
    {sender}[, {company}]
title
  E-mail
  Message
body
  The message came from {sender}[ ({from})].
  It was sent on {sent}.
  It went to {recipient}.
  The subject is "{subject}".
  An answer is wanted by {deadline}.
  {attachment} is attached.
  They meet at {meeting}[ in room {room}].
"""

FR = r"""
names
  sender: expéditeur|nom de l'expéditeur|signataire
  from: de|adresse de l'expéditeur
  recipient: destinataire|nom du destinataire
  to: à|adresse du destinataire
  subject: objet|sujet
  sent: date d'envoi|date|envoyé le
  deadline: délai|réponse avant le
  meeting: heure de réunion|réunion
  room: salle|salle de réunion
  attachment: pièce jointe|fichier joint
  phone: téléphone
  company: entreprise|société
  urgent: urgent
  header: en-tête
  signature: signature
enum urgent
  yes: c'est urgent
  no: ce n'est pas urgent
pool files
  rapport|compte-rendu|budget|offre|photos|contrat|plan|facture
pool subjects
  Réunion|Offre|Question sur|Livraison|Budget|Visite chez|Contrat
whole
  De : {from}
    À : {to}
    [Date : {sent}]
    Objet : {subject}\n
    Bonjour {recipient},
    [Vous trouverez {attachment} en pièce jointe.][ Merci de répondre avant le {deadline}.][ Note : {urgent}.]
    [Nous nous retrouvons à {meeting}, salle {room}.]
    <Cordialement|Bien à vous>,
    {sender}
    [{company}]
    [Tél. {phone}]
  Bonjour {recipient},
    au sujet de « {subject} » : [il me faut votre réponse avant le {deadline}.][ Voir {attachment}.]
    [Réunion à {meeting}, salle {room}.][ Mon numéro : {phone}.]
    {sender}[, {company}]
"""

DE = r"""
names
  sender: Absender|Name des Absenders|unterzeichnet von
  from: von|Adresse des Absenders
  recipient: Empfänger|Name des Empfängers
  to: an|Adresse des Empfängers
  subject: Betreff|Thema
  sent: Datum|gesendet am
  deadline: Frist|Antwort bis
  meeting: Uhrzeit des Treffens|Besprechung
  room: Raum|Besprechungsraum
  attachment: Anhang|angehängte Datei
  phone: Telefon
  company: Firma|Unternehmen
  urgent: dringend
  header: Kopf
  signature: Signatur
enum urgent
  yes: es ist dringend
  no: es eilt nicht
pool files
  Bericht|Protokoll|Budget|Angebot|Fotos|Vertrag|Plan|Rechnung
pool subjects
  Besprechung|Angebot|Frage zu|Lieferung|Budget|Besuch bei|Vertrag
whole
  Von: {from}
    An: {to}
    [Datum: {sent}]
    Betreff: {subject}\n
    Guten Tag {recipient},
    [im Anhang finden Sie {attachment}.][ Bitte antworten Sie bis {deadline}.][ Hinweis: {urgent}.]
    [Wir treffen uns um {meeting} Uhr in Raum {room}.]
    <Viele Grüße|Mit freundlichen Grüßen>
    {sender}
    [{company}]
    [Tel. {phone}]
  Hallo {recipient},
    zum Thema „{subject}“: [ich brauche Ihre Antwort bis {deadline}.][ Siehe {attachment}.]
    [Treffen um {meeting} Uhr, Raum {room}.][ Meine Nummer: {phone}.]
    {sender}[, {company}]
"""

ES = r"""
names
  sender: remitente|nombre del remitente|firmado por
  from: de|dirección del remitente
  recipient: destinatario|nombre del destinatario
  to: para|dirección del destinatario
  subject: asunto|tema
  sent: fecha|fecha de envío
  deadline: plazo|respuesta antes del
  meeting: hora de la reunión|reunión
  room: sala
  attachment: adjunto|archivo adjunto
  phone: teléfono
  company: empresa
  urgent: urgente
  header: cabecera
  signature: firma
enum urgent
  yes: es urgente
  no: no es urgente
pool files
  informe|acta|presupuesto|oferta|fotos|contrato|plan|factura
pool subjects
  Reunión|Oferta|Pregunta sobre|Entrega|Presupuesto|Visita a|Contrato
whole
  De: {from}
    Para: {to}
    [Fecha: {sent}]
    Asunto: {subject}\n
    Hola, {recipient}:
    [Adjunto {attachment}.][ Responda antes del {deadline}, por favor.][ Nota: {urgent}.]
    [Nos vemos a las {meeting} en la sala {room}.]
    <Un saludo|Saludos cordiales>,
    {sender}
    [{company}]
    [Tel. {phone}]
"""

IT = r"""
names
  sender: mittente|nome del mittente|firmato da
  from: da|indirizzo del mittente
  recipient: destinatario|nome del destinatario
  to: a|indirizzo del destinatario
  subject: oggetto|tema
  sent: data|data di invio
  deadline: scadenza|risposta entro
  meeting: ora della riunione|riunione
  room: sala
  attachment: allegato|file allegato
  phone: telefono
  company: azienda
  urgent: urgente
  header: intestazione
  signature: firma
enum urgent
  yes: è urgente
  no: non è urgente
pool files
  relazione|verbale|bilancio|offerta|foto|contratto|piano|fattura
pool subjects
  Riunione|Offerta|Domanda su|Consegna|Bilancio|Visita a|Contratto
whole
  Da: {from}
    A: {to}
    [Data: {sent}]
    Oggetto: {subject}\n
    Buongiorno {recipient},
    [in allegato trova {attachment}.][ La prego di rispondere entro il {deadline}.][ Nota: {urgent}.]
    [Ci vediamo alle {meeting} nella sala {room}.]
    <Cordiali saluti|A presto>,
    {sender}
    [{company}]
    [Tel. {phone}]
"""

PT = r"""
names
  sender: remetente|nome do remetente|assinado por
  from: de|endereço do remetente
  recipient: destinatário|nome do destinatário
  to: para|endereço do destinatário
  subject: assunto|tema
  sent: data|data de envio
  deadline: prazo|resposta até
  meeting: hora da reunião|reunião
  room: sala
  attachment: anexo|ficheiro anexo
  phone: telefone
  company: empresa
  urgent: urgente
  header: cabeçalho
  signature: assinatura
enum urgent
  yes: é urgente
  no: não é urgente
pool files
  relatório|ata|orçamento|oferta|fotos|contrato|plano|fatura
pool subjects
  Reunião|Oferta|Pergunta sobre|Entrega|Orçamento|Visita a|Contrato
whole
  De: {from}
    Para: {to}
    [Data: {sent}]
    Assunto: {subject}\n
    Olá, {recipient},
    [Segue em anexo {attachment}.][ Agradeço resposta até {deadline}.][ Nota: {urgent}.]
    [Encontramo-nos às {meeting} na sala {room}.]
    <Com os melhores cumprimentos|Cumprimentos>,
    {sender}
    [{company}]
    [Tel. {phone}]
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("sender", "from", "recipient", "to", "subject"),
    groups={"header": ("from", "to", "subject", "sent"), "signature": ("sender", "company", "phone")},
    layouts={"whole": 8, "prose": 1},
)
