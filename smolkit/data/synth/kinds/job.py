"""A job advertisement: role, employer, place, contract, pay, skills, deadline, contact."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record


def draw(d: Draw) -> Record:
    low = d.rng.randrange(24, 70) * 1000
    return {
        "role": d.text("jobs"),
        "company": d.company(),
        "city": d.city(),
        "contract": d.enum("contract"),
        "salary": d.amount(low),
        "experience": d.count(2, 9),
        "skills": d.texts("skills", 2, 4),
        "benefits": d.enums("benefits", 1, 3),
        "remote": d.flag("remote"),
        "start": d.date(),
        "contact": d.person(),
        "email": d.email(),
    }


EN = r"""
names
  role: job title|position|role|vacancy
  company: company|employer|organisation|hiring company
  city: location|city|place of work|workplace
  contract: contract type|employment type|hours
  salary: salary|annual salary|yearly pay
  experience: years of experience|experience years|required experience
  skills: skills|required skills|requirements
  benefits: benefits|perks|we offer
  remote: remote|remote work|home office
  start: start date|starting date|available from
  contact: contact person|contact|recruiter
  email: email|e-mail|application email|apply to
  hirer: contact details|apply
  hirer.contact: name|person
enum benefits
  company car: company car
  training: training budget|paid training
  bonus: yearly bonus|bonus
  gym: gym membership
enum contract
  full-time: full-time|40 hours a week
  part-time: part-time|20 hours a week
  temporary: temporary|fixed-term
  internship: internship|trainee placement
enum remote
  yes: remote work is possible|you can work from home
  no: on-site only|no remote work
open
  {company} in {city} is looking for a new colleague: {role}[ ({contract})].
  We are hiring! {role} at {company}[, {city}].
  {role} wanted[ in {city}]. {company} is growing.
  Join {company} as our next {role}[ in {city}].
  Vacancy: {role}, {company}[, {city}]
body
  We offer {benefits}.
  Salary: {salary} per year.
  You bring {experience} years of experience[ and know {skills}].
  Required skills: {skills}.
  Type of contract: {contract}.
  The job starts on {start}.
  Place of work: {city}.
  Good to know: {remote}.
  Send your CV to {contact}[ at {email}].
  Apply by e-mail: {email}.
  Yearly pay of {salary}.
extra
  Our team has {#number} people.
  The company was founded by {#person}.
  Apply before {#day}.
  You report to {#person}, head of department.
close
  We look forward to hearing from you.
title
  JOB OFFER
  Vacancy
  {company} is hiring
"""

FR = r"""
names
  role: poste|intitulé du poste|fonction
  company: entreprise|employeur|société
  city: lieu|ville|lieu de travail
  contract: type de contrat|contrat
  salary: salaire|salaire annuel|rémunération
  experience: années d'expérience|expérience
  skills: compétences|compétences requises
  benefits: avantages
  remote: télétravail
  start: date de début|date d'entrée|à partir du
  contact: contact|personne à contacter
  email: e-mail|adresse e-mail|courriel
  hirer: candidature
  hirer.contact: nom
enum benefits
  company car: voiture de fonction
  training: formation payée
  bonus: prime annuelle
  gym: abonnement de sport
enum contract
  full-time: temps plein|35 heures par semaine
  part-time: temps partiel|mi-temps
  temporary: CDD|contrat temporaire
  internship: stage|alternance
enum remote
  yes: télétravail possible|travail à distance accepté
  no: présence sur site obligatoire|pas de télétravail
open
  {company}, à {city}, recrute : {role} (H/F)[, {contract}].
  Nous recrutons ! Poste : {role}[, {city}]. Entreprise : {company}.
  Offre d'emploi chez {company} : {role}[ à {city}].
body
  Avantages : {benefits}.
  Salaire : {salary} par an.
  {experience} ans d'expérience demandés.
  Compétences requises : {skills}.
  Type de contrat : {contract}.
  Prise de poste le {start}.
  Lieu de travail : {city}.
  À noter : {remote}.
  Envoyez votre CV à {contact}[, {email}].
  Candidatures par e-mail : {email}.
extra
  Notre équipe compte {#number} personnes.
  Vous travaillerez sous la direction de {#person}.
  Candidatures avant le {#day}.
title
  OFFRE D'EMPLOI
  {company} recrute
"""

DE = r"""
names
  role: Stelle|Position|Stellenbezeichnung
  company: Unternehmen|Arbeitgeber|Firma
  city: Ort|Arbeitsort|Standort
  contract: Vertragsart|Beschäftigungsart
  salary: Gehalt|Jahresgehalt|Vergütung
  experience: Berufsjahre|Jahre Erfahrung
  skills: Kenntnisse|Anforderungen
  benefits: Leistungen|wir bieten
  remote: Homeoffice
  start: Beginn|Eintrittsdatum|Startdatum
  contact: Ansprechpartner|Kontakt
  email: E-Mail|Mailadresse
  hirer: Bewerbung
  hirer.contact: Name
enum benefits
  company car: Firmenwagen
  training: Weiterbildung
  bonus: Jahresbonus
  gym: Fitnessstudio
enum contract
  full-time: Vollzeit|40 Stunden pro Woche
  part-time: Teilzeit|20 Stunden pro Woche
  temporary: befristet|Zeitvertrag
  internship: Praktikum|Werkstudium
enum remote
  yes: Homeoffice möglich|Arbeit von zu Hause möglich
  no: nur vor Ort|kein Homeoffice
open
  {company} in {city} sucht Verstärkung: {role} (m/w/d)[, {contract}].
  Wir stellen ein: {role}[ in {city}]. Arbeitgeber: {company}.
  Stellenangebot bei {company}: {role}[, {city}].
body
  Wir bieten: {benefits}.
  Gehalt: {salary} im Jahr.
  Sie bringen {experience} Jahre Erfahrung mit.
  Gefordert: {skills}.
  Vertragsart: {contract}.
  Beginn am {start}.
  Arbeitsort: {city}.
  Hinweis: {remote}.
  Bewerbung bitte an {contact}[, {email}].
  Bewerbung per E-Mail: {email}.
extra
  Unser Team hat {#number} Mitarbeiter.
  Leitung der Abteilung: {#person}.
  Bewerbungsschluss: {#day}.
title
  STELLENANGEBOT
  Wir suchen
"""

ES = r"""
names
  role: puesto|cargo|vacante
  company: empresa|empleador
  city: lugar|ciudad|lugar de trabajo
  contract: tipo de contrato|jornada
  salary: salario|salario anual|sueldo
  experience: años de experiencia|experiencia
  skills: competencias|requisitos
  benefits: beneficios|ofrecemos
  remote: teletrabajo
  start: fecha de inicio|incorporación
  contact: persona de contacto|contacto
  email: correo electrónico|correo
  hirer: candidaturas
  hirer.contact: nombre
enum benefits
  company car: coche de empresa
  training: formación pagada
  bonus: prima anual
  gym: gimnasio
enum contract
  full-time: jornada completa|40 horas semanales
  part-time: media jornada|tiempo parcial
  temporary: contrato temporal|temporal
  internship: prácticas|beca
enum remote
  yes: se puede teletrabajar|teletrabajo posible
  no: solo presencial|sin teletrabajo
open
  {company}, en {city}, busca personal: {role}[, {contract}].
  Oferta de empleo: {role} en {company}[, {city}].
body
  Ofrecemos {benefits}.
  Salario: {salary} al año.
  Se piden {experience} años de experiencia.
  Requisitos: {skills}.
  Tipo de contrato: {contract}.
  Incorporación el {start}.
  Lugar de trabajo: {city}.
  Nota: {remote}.
  Envíe su currículum a {contact}[, {email}].
  Candidaturas por correo: {email}.
extra
  Somos un equipo de {#number} personas.
  La dirección del departamento es de {#person}.
title
  OFERTA DE EMPLEO
"""

IT = r"""
names
  role: posizione|ruolo|mansione
  company: azienda|datore di lavoro
  city: sede|città|luogo di lavoro
  contract: tipo di contratto|contratto
  salary: stipendio|retribuzione annua|stipendio annuo
  experience: anni di esperienza|esperienza
  skills: competenze|requisiti
  benefits: benefit|offriamo
  remote: lavoro da remoto|smart working
  start: data di inizio|inizio
  contact: referente|persona di contatto
  email: email|posta elettronica
  hirer: candidatura
  hirer.contact: nome
enum benefits
  company car: auto aziendale
  training: formazione pagata
  bonus: premio annuale
  gym: palestra
enum contract
  full-time: tempo pieno|40 ore settimanali
  part-time: part-time|20 ore settimanali
  temporary: tempo determinato|contratto temporaneo
  internship: tirocinio|stage
enum remote
  yes: smart working possibile|lavoro da casa possibile
  no: solo in sede|niente smart working
open
  {company}, a {city}, cerca personale: {role}[, {contract}].
  Offerta di lavoro: {role} presso {company}[, {city}].
body
  Offriamo {benefits}.
  Stipendio: {salary} all'anno.
  Si richiedono {experience} anni di esperienza.
  Requisiti: {skills}.
  Tipo di contratto: {contract}.
  Inizio il {start}.
  Luogo di lavoro: {city}.
  Nota: {remote}.
  Inviare il curriculum a {contact}[, {email}].
  Candidature via email: {email}.
extra
  Siamo una squadra di {#number} persone.
  Responsabile del reparto: {#person}.
title
  OFFERTA DI LAVORO
"""

PT = r"""
names
  role: cargo|função|vaga
  company: empresa|empregador
  city: local|cidade|local de trabalho
  contract: tipo de contrato|contrato
  salary: salário|salário anual|remuneração
  experience: anos de experiência|experiência
  skills: competências|requisitos
  benefits: benefícios|oferecemos
  remote: teletrabalho
  start: data de início|início
  contact: pessoa de contacto|contacto
  email: e-mail|correio eletrónico
  hirer: candidatura
  hirer.contact: nome
enum benefits
  company car: carro da empresa
  training: formação paga
  bonus: prémio anual
  gym: ginásio
enum contract
  full-time: tempo inteiro|40 horas por semana
  part-time: tempo parcial|meio período
  temporary: contrato a termo|temporário
  internship: estágio
enum remote
  yes: teletrabalho possível|pode trabalhar a partir de casa
  no: apenas presencial|sem teletrabalho
open
  A empresa {company}, em {city}, procura: {role}[, {contract}].
  Oferta de emprego: {role} na {company}[, {city}].
body
  Oferecemos {benefits}.
  Salário: {salary} por ano.
  Pedimos {experience} anos de experiência.
  Requisitos: {skills}.
  Tipo de contrato: {contract}.
  Início a {start}.
  Local de trabalho: {city}.
  Nota: {remote}.
  Envie o currículo para {contact}[, {email}].
  Candidaturas por e-mail: {email}.
extra
  Somos uma equipa de {#number} pessoas.
  A chefia do departamento cabe a {#person}.
title
  OFERTA DE EMPREGO
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("role", "company"),
    groups={"hirer": ("contact", "email")},
)
