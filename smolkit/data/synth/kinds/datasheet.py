"""A data sheet: some of a long list of attributes, so that keys of any sort are learnt to be matched with labels."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value


def draw(d: Draw) -> Record:
    """Five to ten attributes; the others stay out of the record, and two may be asked for in vain."""
    makers = {
        "serial": lambda: d.code("SN######|@@@####|##-@##-##|########"),
        "batch": lambda: d.code("L####|B-##-###|@@##"),
        "barcode": lambda: d.code("############|#### #### ####"),
        "drawing": lambda: d.code("D-####|DRW-##.##|@##/##"),
        "width": lambda: d.measure(5, 240, "cm"),
        "height": lambda: d.measure(5, 240, "cm"),
        "depth": lambda: d.measure(2, 90, "mm"),
        "mass": lambda: d.measure(0.1, 90, "kg", digits=1),
        "voltage": lambda: d.measure(3, 400, "V"),
        "power": lambda: d.measure(2, 3000, "W"),
        "capacity": lambda: d.measure(0.2, 80, "l", digits=1),
        "temperature": lambda: d.measure(-20, 180, "°C"),
        "pressure": lambda: d.measure(1, 25, "bar", digits=1),
        "speed": lambda: d.measure(5, 250, "km/h"),
        "colour": lambda: d.text("colours"),
        "material": lambda: d.text("materials"),
        "origin": d.country,
        "made": d.date,
        "expiry": d.date,
        "inspected": d.date,
        "inspector": d.person,
        "operator": d.person,
        "supplier": d.company,
        "owner": d.company,
        "site": d.city,
        "warehouse": d.city,
        "quantity": lambda: d.count(1, 900),
        "page": lambda: d.count(1, 60),
        "manual": d.url,
        "support": d.email,
        "hotline": d.phone,
        "shift": d.time,
        "recorded": d.moment,
    }
    names = d.rng.sample(list(makers), d.rng.randint(6, 11))
    vain = names[-1:] if d.rng.random() < 0.5 else names[-2:]
    return {name: Value.never() if name in vain else makers[name]() for name in names}


EN = r"""
names
  serial: serial number|serial no.|device id
  batch: batch|lot|lot number
  barcode: barcode|bar code|EAN
  drawing: drawing number|drawing|plan number
  width: width|overall width|breadth
  height: height|overall height|tallness
  depth: depth|thickness|wall thickness
  mass: mass|unit weight|dry weight
  voltage: voltage|rated voltage|supply voltage
  power: power|power rating|wattage
  capacity: capacity|volume|tank volume
  temperature: temperature|operating temperature|max temperature
  pressure: pressure|test pressure|working pressure
  speed: speed|top speed|maximum speed
  colour: colour|shade|coating colour
  material: material|housing material|body material
  origin: country of origin|made in|origin
  made: date of manufacture|manufactured on|production date
  expiry: expiry date|best before|use by
  inspected: inspection date|inspected on|last check
  inspector: inspector|inspected by|checked by
  operator: operator|machine operator|handled by
  supplier: supplier|supplied by|vendor
  owner: owner|property of|asset owner
  site: site|plant|factory site
  warehouse: warehouse|stored in|storage location
  quantity: quantity|units|pieces
  page: page|page number|sheet
  manual: manual|manual url|documentation
  support: support e-mail|support|help desk
  hotline: hotline|service phone|emergency phone
  shift: shift start|start of shift|shift begins
  recorded: recorded|recorded at|timestamp
title
  DATA SHEET
  Technical record
  Label
"""

FR = r"""
names
  serial: numéro de série|identifiant de l'appareil
  batch: lot|numéro de lot
  barcode: code-barres|EAN
  drawing: numéro de plan|plan
  width: largeur|largeur totale
  height: hauteur|hauteur totale
  depth: profondeur|épaisseur
  mass: masse|poids unitaire
  voltage: tension|tension nominale
  power: puissance|puissance nominale
  capacity: capacité|volume
  temperature: température|température de service
  pressure: pression|pression d'essai
  speed: vitesse|vitesse maximale
  colour: couleur|teinte
  material: matériau|matériau du boîtier
  origin: pays d'origine|fabriqué en
  made: date de fabrication|fabriqué le
  expiry: date de péremption|à consommer avant
  inspected: date de contrôle|contrôlé le
  inspector: contrôleur|contrôlé par
  operator: opérateur|conducteur
  supplier: fournisseur|fourni par
  owner: propriétaire
  site: site|usine
  warehouse: entrepôt|stocké à
  quantity: quantité|pièces
  page: page|numéro de page
  manual: notice|documentation
  support: e-mail du support|assistance
  hotline: numéro d'urgence|téléphone du service
  shift: début de poste|prise de poste
  recorded: enregistré|horodatage
title
  FICHE TECHNIQUE
  Étiquette
"""

DE = r"""
names
  serial: Seriennummer|Gerätenummer
  batch: Charge|Chargennummer
  barcode: Strichcode|EAN
  drawing: Zeichnungsnummer|Zeichnung
  width: Breite|Gesamtbreite
  height: Höhe|Gesamthöhe
  depth: Tiefe|Dicke
  mass: Masse|Stückgewicht
  voltage: Spannung|Nennspannung
  power: Leistung|Nennleistung
  capacity: Fassungsvermögen|Volumen
  temperature: Temperatur|Betriebstemperatur
  pressure: Druck|Prüfdruck
  speed: Geschwindigkeit|Höchstgeschwindigkeit
  colour: Farbe|Farbton
  material: Werkstoff|Gehäusematerial
  origin: Herkunftsland|hergestellt in
  made: Herstellungsdatum|hergestellt am
  expiry: Verfallsdatum|haltbar bis
  inspected: Prüfdatum|geprüft am
  inspector: Prüfer|geprüft von
  operator: Bediener|Maschinenführer
  supplier: Lieferant|geliefert von
  owner: Eigentümer
  site: Werk|Standort
  warehouse: Lager|Lagerort
  quantity: Menge|Stückzahl
  page: Seite|Seitenzahl
  manual: Handbuch|Dokumentation
  support: Support-Adresse|Hilfe
  hotline: Notrufnummer|Servicetelefon
  shift: Schichtbeginn
  recorded: erfasst|Zeitstempel
title
  DATENBLATT
  Etikett
"""

ES = r"""
names
  serial: número de serie|identificador
  batch: lote|número de lote
  barcode: código de barras|EAN
  drawing: número de plano|plano
  width: anchura|ancho total
  height: altura|alto total
  depth: profundidad|grosor
  mass: masa|peso unitario
  voltage: tensión|tensión nominal
  power: potencia|potencia nominal
  capacity: capacidad|volumen
  temperature: temperatura|temperatura de servicio
  pressure: presión|presión de prueba
  speed: velocidad|velocidad máxima
  colour: color|tono
  material: material|material de la carcasa
  origin: país de origen|fabricado en
  made: fecha de fabricación|fabricado el
  expiry: fecha de caducidad|caduca el
  inspected: fecha de inspección|revisado el
  inspector: inspector|revisado por
  operator: operario|manejado por
  supplier: proveedor|suministrado por
  owner: propietario
  site: planta|fábrica
  warehouse: almacén|guardado en
  quantity: cantidad|piezas
  page: página|número de página
  manual: manual|documentación
  support: correo de soporte|asistencia
  hotline: teléfono de urgencias|teléfono de servicio
  shift: inicio de turno
  recorded: registrado|marca de tiempo
title
  FICHA TÉCNICA
"""

IT = r"""
names
  serial: numero di serie|matricola
  batch: lotto|numero di lotto
  barcode: codice a barre|EAN
  drawing: numero di disegno|disegno
  width: larghezza|larghezza totale
  height: altezza|altezza totale
  depth: profondità|spessore
  mass: massa|peso unitario
  voltage: tensione|tensione nominale
  power: potenza|potenza nominale
  capacity: capacità|volume
  temperature: temperatura|temperatura di esercizio
  pressure: pressione|pressione di prova
  speed: velocità|velocità massima
  colour: colore|tinta
  material: materiale|materiale del corpo
  origin: paese di origine|prodotto in
  made: data di produzione|prodotto il
  expiry: data di scadenza|da consumare entro
  inspected: data di controllo|controllato il
  inspector: ispettore|controllato da
  operator: operatore|addetto
  supplier: fornitore|fornito da
  owner: proprietario
  site: stabilimento|sede
  warehouse: magazzino|conservato a
  quantity: quantità|pezzi
  page: pagina|numero di pagina
  manual: manuale|documentazione
  support: email di assistenza|assistenza
  hotline: numero di emergenza|telefono di servizio
  shift: inizio turno
  recorded: registrato|data e ora
title
  SCHEDA TECNICA
"""

PT = r"""
names
  serial: número de série|identificador
  batch: lote|número do lote
  barcode: código de barras|EAN
  drawing: número do desenho|desenho
  width: largura|largura total
  height: altura|altura total
  depth: profundidade|espessura
  mass: massa|peso unitário
  voltage: tensão|tensão nominal
  power: potência|potência nominal
  capacity: capacidade|volume
  temperature: temperatura|temperatura de serviço
  pressure: pressão|pressão de ensaio
  speed: velocidade|velocidade máxima
  colour: cor|tom
  material: material|material da caixa
  origin: país de origem|fabricado em
  made: data de fabrico|fabricado a
  expiry: data de validade|consumir até
  inspected: data de inspeção|verificado a
  inspector: inspetor|verificado por
  operator: operador|operado por
  supplier: fornecedor|fornecido por
  owner: proprietário
  site: fábrica|unidade
  warehouse: armazém|guardado em
  quantity: quantidade|peças
  page: página|número da página
  manual: manual|documentação
  support: e-mail de apoio|assistência
  hotline: telefone de urgência|telefone de apoio
  shift: início do turno
  recorded: registado|data e hora
title
  FICHA TÉCNICA
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    layouts={"lines": 3, "one_line": 2},
)
