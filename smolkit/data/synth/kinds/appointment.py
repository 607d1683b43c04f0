"""A clinical appointment: patient, doctor, department, reason, day and hour, room, what to bring."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value


def draw(d: Draw) -> Record:
    return {
        "patient": d.person(),
        "birth": d.birthday(),
        "patient_id": d.code("P-#####|MRN ######|###-##-###"),
        "doctor": Value(f"{d.word('titles')} {d.person().text.split(' ', 1)[1]}"),
        "department": d.text("departments"),
        "clinic": Value(d.word("clinics").replace("*", d.invented())),
        "date": d.date(),
        "time": d.time(7, 18),
        "reason": d.text("reasons"),
        "room": d.code("###|@##|#.##"),
        "duration": d.minutes(10, 90),
        "fasting": d.flag("fasting"),
        "phone": d.phone(),
        "status": d.enum("status"),
    }


EN = r"""
names
  patient: patient|patient name|name of patient
  birth: date of birth|birth date|born on
  patient_id: patient id|patient number|record number
  doctor: doctor|physician|consultant|seen by
  department: department|specialty|ward
  clinic: clinic|hospital|practice
  date: appointment date|date|day
  time: appointment time|time|hour
  reason: reason|reason for visit|purpose
  room: room|room number|consulting room
  duration: duration|expected duration|length
  fasting: fasting|fasting required
  phone: clinic phone|phone|number to call
  status: status|appointment status
  person: patient|person
  person.patient: name|full name
  person.patient_id: id|patient id|number
  visit: appointment|visit
enum fasting
  yes: please come fasting|do not eat beforehand
  no: you may eat beforehand|no fasting needed
enum status
  confirmed: confirmed|booked
  cancelled: cancelled|called off
  moved: rescheduled|moved
pool titles
  Dr|Dr.|Prof.
pool departments
  cardiology|dermatology|radiology|orthopaedics|eye clinic|neurology|paediatrics|dental care|physiotherapy|oncology|
  ENT|gastroenterology
pool clinics
  * Hospital|* Clinic|St * Medical Centre|* Health Practice
pool reasons
  annual check-up|blood test|knee pain|X-ray of the hand|skin rash|follow-up after surgery|vaccination|eye test|
  back pain|ultrasound|hearing test|allergy test|chest pain|migraine
open
  Dear {patient}, your appointment at {clinic} is on {date}[ at {time}][ with {doctor}].
  {clinic}, {department}: appointment for {patient}[ on {date}][ at {time}].
  Reminder for {patient}: {doctor} expects you[ on {date}][ at {time}].
  {patient} (born {birth}) is to see {doctor}[ in {department}].
body
  Department: {department}.
  Reason for the visit: {reason}.
  You will be seen by {doctor}.
  The appointment is on {date}[ at {time}].
  Please be there at {time}.
  Go to room {room}.
  It will take about {duration}.
  Important: {fasting}.
  Your patient number is {patient_id}.
  To change the appointment call {phone}.
  The appointment is {status}.
  Clinic: {clinic}.
  Date of birth: {birth}.
extra
  Your last visit was on {#date}.
  Please bring your insurance card.
  The pharmacy closes at {#time}.
close
  Get well soon.
title
  APPOINTMENT
  {clinic}
"""

FR = r"""
names
  patient: patient|nom du patient
  birth: date de naissance|né le
  patient_id: numéro de patient|dossier
  doctor: médecin|docteur
  department: service|spécialité
  clinic: clinique|hôpital|cabinet
  date: date du rendez-vous|date
  time: heure du rendez-vous|heure
  reason: motif|motif de consultation
  room: salle|numéro de salle
  duration: durée|durée prévue
  fasting: à jeun
  phone: téléphone|numéro à appeler
  status: statut|état
  person: patient
  person.patient: nom
  visit: rendez-vous
enum fasting
  yes: venez à jeun
  no: il n'est pas nécessaire d'être à jeun
enum status
  confirmed: confirmé
  cancelled: annulé
  moved: reporté|déplacé
pool titles
  Dr|Pr|le docteur
pool departments
  cardiologie|dermatologie|radiologie|orthopédie|ophtalmologie|neurologie|pédiatrie|kinésithérapie
pool clinics
  Clinique *|Hôpital *|Centre médical *
pool reasons
  bilan annuel|prise de sang|douleur au genou|éruption cutanée|suivi après opération|vaccination|échographie|migraine
open
  {patient}, votre rendez-vous à {clinic} aura lieu le {date}[ à {time}][ avec {doctor}].
  {clinic}, {department} : rendez-vous pour {patient}[ le {date}][ à {time}].
  Rappel pour {patient} : {doctor} vous attend[ le {date}][ à {time}].
body
  Service : {department}.
  Motif : {reason}.
  Médecin : {doctor}.
  Le rendez-vous est fixé au {date}[, {time}].
  Heure : {time}.
  Salle {room}.
  Durée prévue : {duration}.
  Important : {fasting}.
  Numéro de patient : {patient_id}.
  Pour annuler, appelez le {phone}.
  Le rendez-vous est {status}.
  Date de naissance : {birth}.
extra
  Votre dernière visite date du {#date}.
  Apportez votre carte vitale.
title
  RENDEZ-VOUS
"""

DE = r"""
names
  patient: Patient|Name des Patienten
  birth: Geburtsdatum|geboren am
  patient_id: Patientennummer|Aktenzeichen
  doctor: Arzt|behandelnder Arzt
  department: Abteilung|Fachrichtung
  clinic: Klinik|Praxis|Krankenhaus
  date: Termin am|Datum
  time: Uhrzeit|Terminzeit
  reason: Grund|Anlass
  room: Raum|Zimmer
  duration: Dauer|voraussichtliche Dauer
  fasting: nüchtern
  phone: Telefon|Rückruf unter
  status: Status
  person: Patient
  person.patient: Name
  visit: Termin
enum fasting
  yes: bitte nüchtern kommen
  no: Sie dürfen vorher essen
enum status
  confirmed: bestätigt
  cancelled: abgesagt
  moved: verschoben
pool titles
  Dr.|Prof.|Dr. med.
pool departments
  Kardiologie|Dermatologie|Radiologie|Orthopädie|Augenheilkunde|Neurologie|Kinderheilkunde|Physiotherapie
pool clinics
  Klinik *|Krankenhaus *|Praxis *
pool reasons
  Vorsorge|Blutabnahme|Knieschmerzen|Hautausschlag|Nachsorge|Impfung|Ultraschall|Migräne
open
  Guten Tag {patient}, Ihr Termin in der Einrichtung {clinic} ist am {date}[ um {time} Uhr][ bei {doctor}].
  {clinic}, {department}: Termin für {patient}[ am {date}][ um {time} Uhr].
  Erinnerung für {patient}: Termin bei {doctor}[ am {date}][ um {time} Uhr].
body
  Abteilung: {department}.
  Grund: {reason}.
  Arzt: {doctor}.
  Der Termin ist am {date}[ um {time} Uhr].
  Uhrzeit: {time}.
  Raum {room}.
  Dauer: etwa {duration}.
  Wichtig: {fasting}.
  Patientennummer: {patient_id}.
  Absagen bitte unter {phone}.
  Der Termin ist {status}.
  Geburtsdatum: {birth}.
extra
  Ihr letzter Besuch war am {#date}.
  Bitte bringen Sie die Versichertenkarte mit.
title
  TERMIN
"""

ES = r"""
names
  patient: paciente|nombre del paciente
  birth: fecha de nacimiento|nacido el
  patient_id: número de paciente|historia
  doctor: médico|doctor
  department: servicio|especialidad
  clinic: clínica|hospital
  date: fecha de la cita|fecha
  time: hora de la cita|hora
  reason: motivo|motivo de consulta
  room: sala|consulta
  duration: duración
  fasting: en ayunas
  phone: teléfono
  status: estado
  person: paciente
  person.patient: nombre
  visit: cita
enum fasting
  yes: acuda en ayunas
  no: no hace falta venir en ayunas
enum status
  confirmed: confirmada
  cancelled: anulada
  moved: aplazada
pool titles
  Dr.|Dra.
pool departments
  cardiología|dermatología|radiología|traumatología|oftalmología|neurología|pediatría|fisioterapia
pool clinics
  Clínica *|Hospital *|Centro médico *
pool reasons
  revisión anual|análisis de sangre|dolor de rodilla|erupción cutánea|revisión tras cirugía|vacunación|ecografía|migraña
open
  {patient}, su cita en {clinic} es el {date}[ a las {time}][ con {doctor}].
  {clinic}, {department}: cita para {patient}[ el {date}][ a las {time}].
body
  Servicio: {department}.
  Motivo: {reason}.
  Le atenderá {doctor}.
  La cita es el {date}[ a las {time}].
  Hora: {time}.
  Sala {room}.
  Duración: {duration}.
  Importante: {fasting}.
  Número de paciente: {patient_id}.
  Para cambiarla llame al {phone}.
  La cita está {status}.
  Fecha de nacimiento: {birth}.
extra
  Su última visita fue el {#date}.
title
  CITA MÉDICA
"""

IT = r"""
names
  patient: paziente|nome del paziente
  birth: data di nascita|nato il
  patient_id: numero paziente|cartella
  doctor: medico|dottore
  department: reparto|specialità
  clinic: clinica|ospedale
  date: data dell'appuntamento|data
  time: ora dell'appuntamento|ora
  reason: motivo|motivo della visita
  room: stanza|ambulatorio
  duration: durata
  fasting: a digiuno
  phone: telefono
  status: stato
  person: paziente
  person.patient: nome
  visit: appuntamento
enum fasting
  yes: venga a digiuno
  no: non serve il digiuno
enum status
  confirmed: confermato
  cancelled: annullato
  moved: rinviato
pool titles
  Dott.|Dott.ssa
pool departments
  cardiologia|dermatologia|radiologia|ortopedia|oculistica|neurologia|pediatria|fisioterapia
pool clinics
  Clinica *|Ospedale *|Centro medico *
pool reasons
  controllo annuale|esame del sangue|dolore al ginocchio|sfogo cutaneo|controllo dopo intervento|vaccino|ecografia
open
  {patient}, il Suo appuntamento presso {clinic} è il {date}[ alle {time}][ con {doctor}].
  {clinic}, {department}: appuntamento per {patient}[ il {date}][ alle {time}].
body
  Reparto: {department}.
  Motivo: {reason}.
  Medico: {doctor}.
  L'appuntamento è il {date}[ alle {time}].
  Ora: {time}.
  Stanza {room}.
  Durata: {duration}.
  Importante: {fasting}.
  Numero paziente: {patient_id}.
  Per disdire chiami il {phone}.
  L'appuntamento è {status}.
  Data di nascita: {birth}.
extra
  La Sua ultima visita risale al {#date}.
title
  APPUNTAMENTO
"""

PT = r"""
names
  patient: paciente|nome do paciente
  birth: data de nascimento|nascido a
  patient_id: número de paciente|processo
  doctor: médico|doutor
  department: serviço|especialidade
  clinic: clínica|hospital
  date: data da consulta|data
  time: hora da consulta|hora
  reason: motivo|motivo da consulta
  room: sala|gabinete
  duration: duração
  fasting: em jejum
  phone: telefone
  status: estado
  person: paciente
  person.patient: nome
  visit: consulta
enum fasting
  yes: venha em jejum
  no: não é preciso jejum
enum status
  confirmed: confirmada
  cancelled: cancelada
  moved: adiada
pool titles
  Dr.|Dra.
pool departments
  cardiologia|dermatologia|radiologia|ortopedia|oftalmologia|neurologia|pediatria|fisioterapia
pool clinics
  Clínica *|Hospital *|Centro médico *
pool reasons
  exame anual|análise ao sangue|dor no joelho|erupção cutânea|controlo após cirurgia|vacinação|ecografia|enxaqueca
open
  {patient}, a sua consulta em {clinic} é a {date}[ às {time}][ com {doctor}].
  {clinic}, {department}: consulta para {patient}[ a {date}][ às {time}].
body
  Serviço: {department}.
  Motivo: {reason}.
  Médico: {doctor}.
  A consulta é a {date}[ às {time}].
  Hora: {time}.
  Sala {room}.
  Duração: {duration}.
  Importante: {fasting}.
  Número de paciente: {patient_id}.
  Para alterar ligue {phone}.
  A consulta está {status}.
  Data de nascimento: {birth}.
extra
  A sua última visita foi a {#date}.
title
  CONSULTA
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("patient",),
    groups={"person": ("patient", "birth", "patient_id"), "visit": ("date", "time", "room", "duration")},
)
