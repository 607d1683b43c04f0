"""A curriculum vitae in short: name, trade, posts held, school, skills, languages, how to reach."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Item, Record, Value


def draw(d: Draw) -> Record:
    person = d.person()
    year = d.rng.randint(2000, 2022)
    posts: list[Item] = []
    for _ in range(d.rng.randint(1, 3)):
        end = year + d.rng.randint(1, 5)
        posts.append(
            {
                "role": d.text("jobs"),
                "company": d.company(),
                "start": Value(str(year), "integer", year),
                "end": Value(str(end), "integer", end),
            }
        )
        year -= d.rng.randint(2, 6)
    return {
        "name": person,
        "email": d.email(person),
        "phone": d.phone(),
        "city": d.city(),
        "birth": d.birthday(),
        "degree": d.text("degrees"),
        "school": Value(d.word("schools").replace("*", d.word("cities"))),
        "posts": posts,
        "skills": d.texts("skills", 2, 5),
        "languages": list({value.text: value for value in (d.language() for _ in range(3))}.values()),
        "driving": d.flag("driving"),
    }


EN = r"""
names
  name: name|full name|candidate|applicant
  email: email|e-mail|mail address
  phone: phone|mobile|phone number
  city: city|residence|lives in
  birth: date of birth|born|birthday
  degree: degree|education|qualification
  school: school|university|alma mater
  posts: experience|positions|work history|employment
  posts.role: role|job title|position
  posts.company: company|employer
  posts.start: start year|from|start
  posts.end: end year|until|end
  skills: skills|tools|technical skills
  languages: languages|spoken languages
  driving: driving licence|has driving licence
  contact: contact|contact details
  studies: studies|education details
enum driving
  yes: holds a driving licence|driving licence held
  no: has no driving licence|without a driving licence
pool degrees
  BSc Chemistry|MA History|MSc Computer Science|BA Economics|MEng Mechanics|Diploma in Nursing|PhD Biology|
  BSc Mathematics|MA Linguistics|MBA|BA Design|LLB
pool schools
  University of *|* College|* Technical School|* Business School
item
  {role}, {company}, {start}-{end}
  {start}-{end}: {role} at {company}
  {start} to {end} | {role} | {company}
  {company} ({start}-{end}), {role}
whole
  {name}
    [{city}][ | {phone}][ | {email}]
    [Born {birth}]
    EXPERIENCE
    {posts}
    [EDUCATION: {degree}, {school}]
    [Skills: {skills}]
    [Languages: {languages}]
  CV of {name}[, {city}]
    [E-mail: {email}]
    [Education: {degree}]
    {posts}
    [{skills}]
open
  {name}[, {city}][, {email}].
  Candidate: {name}[, born {birth}].
body
  Work history: {posts}.
  {degree}, {school}.
  Education: {degree}.
  Skills: {skills}.
  Speaks {languages}.
  Reach the candidate at {phone}[ or {email}].
  E-mail: {email}.
  Lives in {city}.
  The candidate {driving}.
extra
  Reference: {#person}, {#company}.
  Hobbies: chess and hiking.
title
  CURRICULUM VITAE
"""

FR = r"""
names
  name: nom|nom complet|candidat
  email: e-mail|courriel
  phone: téléphone|portable
  city: ville|domicile
  birth: date de naissance|né le
  degree: diplôme|formation
  school: école|université
  posts: expérience|postes
  posts.role: poste|fonction
  posts.company: entreprise|employeur
  posts.start: début|année de début
  posts.end: fin|année de fin
  skills: compétences|outils
  languages: langues|langues parlées
  driving: permis de conduire
  contact: coordonnées
  studies: études
enum driving
  yes: titulaire du permis de conduire
  no: sans permis de conduire
pool degrees
  licence de chimie|master d'histoire|master d'informatique|licence d'économie|diplôme d'infirmier|doctorat de biologie
pool schools
  Université de *|École de commerce de *|Lycée technique de *
item
  {role}, {company}, {start}-{end}
  {start}-{end} : {role} chez {company}
whole
  {name}
    [{city}][ | {phone}][ | {email}]
    EXPÉRIENCE
    {posts}
    [FORMATION : {degree}, {school}]
    [Compétences : {skills}]
    [Langues : {languages}]
open
  {name}[, {city}][, {email}].
  Candidat : {name}.
body
  Expérience : {posts}.
  Formation : {degree}[, {school}].
  Compétences : {skills}.
  Langues : {languages}.
  Téléphone : {phone}.
  E-mail : {email}.
  À savoir : {driving}.
extra
  Référence : {#person}, {#company}.
title
  CURRICULUM VITAE
"""

DE = r"""
names
  name: Name|vollständiger Name|Bewerber
  email: E-Mail|Mailadresse
  phone: Telefon|Mobilnummer
  city: Wohnort|Stadt
  birth: Geburtsdatum|geboren am
  degree: Abschluss|Ausbildung
  school: Hochschule|Schule
  posts: Berufserfahrung|Stationen
  posts.role: Position|Stelle
  posts.company: Firma|Arbeitgeber
  posts.start: Beginn|von
  posts.end: Ende|bis
  skills: Kenntnisse|Werkzeuge
  languages: Sprachen|Sprachkenntnisse
  driving: Führerschein
  contact: Kontakt
  studies: Studium
enum driving
  yes: Führerschein vorhanden
  no: kein Führerschein
pool degrees
  B.Sc. Chemie|M.A. Geschichte|M.Sc. Informatik|B.A. Wirtschaft|Dipl.-Ing. Maschinenbau|Ausbildung zum Pfleger
pool schools
  Universität *|Hochschule *|Fachschule *
item
  {role}, {company}, {start}-{end}
  {start}-{end}: {role} bei {company}
whole
  {name}
    [{city}][ | {phone}][ | {email}]
    BERUFSERFAHRUNG
    {posts}
    [AUSBILDUNG: {degree}, {school}]
    [Kenntnisse: {skills}]
    [Sprachen: {languages}]
open
  {name}[, {city}][, {email}].
  Bewerbung von {name}.
body
  Berufserfahrung: {posts}.
  Ausbildung: {degree}[, {school}].
  Kenntnisse: {skills}.
  Sprachen: {languages}.
  Telefon: {phone}.
  E-Mail: {email}.
  Mobilität: {driving}.
extra
  Referenz: {#person}, {#company}.
title
  LEBENSLAUF
"""

ES = r"""
names
  name: nombre|nombre completo|candidato
  email: correo electrónico|correo
  phone: teléfono|móvil
  city: ciudad|residencia
  birth: fecha de nacimiento|nacido el
  degree: título|formación
  school: universidad|centro
  posts: experiencia|puestos
  posts.role: puesto|cargo
  posts.company: empresa
  posts.start: inicio|desde
  posts.end: fin|hasta
  skills: competencias|herramientas
  languages: idiomas
  driving: carné de conducir
  contact: contacto
  studies: estudios
enum driving
  yes: tiene carné de conducir
  no: no tiene carné de conducir
pool degrees
  grado en Química|máster en Historia|ingeniería informática|grado en Economía|grado en Enfermería
pool schools
  Universidad de *|Escuela de Negocios de *
item
  {role}, {company}, {start}-{end}
  {start}-{end}: {role} en {company}
whole
  {name}
    [{city}][ | {phone}][ | {email}]
    EXPERIENCIA
    {posts}
    [FORMACIÓN: {degree}, {school}]
    [Competencias: {skills}]
    [Idiomas: {languages}]
open
  {name}[, {city}][, {email}].
  Candidatura de {name}.
body
  Experiencia: {posts}.
  Formación: {degree}[, {school}].
  Competencias: {skills}.
  Idiomas: {languages}.
  Teléfono: {phone}.
  Correo: {email}.
title
  CURRÍCULUM
"""

PT = r"""
names
  name: nome|nome completo|candidato
  email: e-mail|correio eletrónico
  phone: telefone|telemóvel
  city: cidade|residência
  birth: data de nascimento|nascido a
  degree: grau|formação
  school: universidade|escola
  posts: experiência|cargos
  posts.role: cargo|função
  posts.company: empresa
  posts.start: início|desde
  posts.end: fim|até
  skills: competências|ferramentas
  languages: línguas|idiomas
  driving: carta de condução
  contact: contactos
  studies: estudos
enum driving
  yes: com carta de condução
  no: sem carta de condução
pool degrees
  licenciatura em Química|mestrado em História|mestrado em Informática|licenciatura em Economia
pool schools
  Universidade de *|Escola de Gestão de *
item
  {role}, {company}, {start}-{end}
  {start}-{end}: {role} na {company}
whole
  {name}
    [{city}][ | {phone}][ | {email}]
    EXPERIÊNCIA
    {posts}
    [FORMAÇÃO: {degree}, {school}]
    [Competências: {skills}]
    [Línguas: {languages}]
open
  {name}[, {city}][, {email}].
  Candidatura de {name}.
body
  Experiência: {posts}.
  Formação: {degree}[, {school}].
  Competências: {skills}.
  Línguas: {languages}.
  Telefone: {phone}.
  E-mail: {email}.
title
  CURRÍCULO
"""

IT = r"""
names
  name: nome|nome completo|candidato
  email: email|posta elettronica
  phone: telefono|cellulare
  city: città|residenza
  birth: data di nascita|nato il
  degree: titolo di studio|formazione
  school: università|scuola
  posts: esperienza|incarichi
  posts.role: ruolo|posizione
  posts.company: azienda
  posts.start: inizio|dal
  posts.end: fine|al
  skills: competenze|strumenti
  languages: lingue|lingue parlate
  driving: patente
  contact: contatti
  studies: studi
enum driving
  yes: ha la patente
  no: non ha la patente
pool degrees
  laurea in Chimica|laurea in Storia|laurea in Informatica|laurea in Economia|laurea in Infermieristica
pool schools
  Università di *|Istituto tecnico di *
item
  {role}, {company}, {start}-{end}
  {start}-{end}: {role} presso {company}
whole
  {name}
    [{city}][ | {phone}][ | {email}]
    ESPERIENZA
    {posts}
    [FORMAZIONE: {degree}, {school}]
    [Competenze: {skills}]
    [Lingue: {languages}]
open
  {name}[, {city}][, {email}].
  Candidatura di {name}.
body
  Esperienza: {posts}.
  Formazione: {degree}[, {school}].
  Competenze: {skills}.
  Lingue: {languages}.
  Telefono: {phone}.
  Email: {email}.
  Nota: {driving}.
title
  CURRICULUM VITAE
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("name", "posts"),
    groups={"contact": ("email", "phone", "city"), "studies": ("degree", "school")},
    layouts={"whole": 5, "prose": 3, "lines": 1},
)
