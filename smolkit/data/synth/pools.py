"""Words that every kind may draw, per language. Written for this package; no list was taken from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

LANGS = ("en", "fr", "de", "es", "it", "pt")

SYLLABLES = (
    "Vel|Nor|Kal|Bri|Zan|Tor|Mar|Lum|Ard|Fen|Quil|Sol|Dro|Has|Jun|Pel|Rav|Sten|Tul|Wex|Yor|Obi|Emb|Cor",
    "||da|ri|to|le|mi|va|no|sha",
    "ora|ix|ano|eth|ium|elle|ovo|ara|ento|isk|una|yst|ando|eri|olt|ambe|osse|ivo|ard|ink|aya",
)

DOMAINS = {
    "en": ("com", "org", "co.uk", "net", "example"),
    "fr": ("fr", "com", "be"),
    "de": ("de", "com", "at", "ch"),
    "es": ("es", "com", "mx"),
    "it": ("it", "com", "eu"),
    "pt": ("pt", "com", "com.br"),
}

YES_NO = {
    "en": ("yes", "no"),
    "fr": ("oui", "non"),
    "de": ("ja", "nein"),
    "es": ("sí", "no"),
    "it": ("sì", "no"),
    "pt": ("sim", "não"),
}

AND = {"en": "and", "fr": "et", "de": "und", "es": "y", "it": "e", "pt": "e"}

_COUNTRY_CODES = "FR|DE|ES|IT|PT|BE|CH|PL|SE|JP|BR|CA|IE|NL|AT"
_COUNTRY_NAMES = {
    "en": "France|Germany|Spain|Italy|Portugal|Belgium|Switzerland|Poland|Sweden|Japan|Brazil|Canada|Ireland|"
    "the Netherlands|Austria",
    "fr": "France|Allemagne|Espagne|Italie|Portugal|Belgique|Suisse|Pologne|Suède|Japon|Brésil|Canada|Irlande|"
    "Pays-Bas|Autriche",
    "de": "Frankreich|Deutschland|Spanien|Italien|Portugal|Belgien|Schweiz|Polen|Schweden|Japan|Brasilien|Kanada|"
    "Irland|Niederlande|Österreich",
    "es": "Francia|Alemania|España|Italia|Portugal|Bélgica|Suiza|Polonia|Suecia|Japón|Brasil|Canadá|Irlanda|"
    "Países Bajos|Austria",
    "it": "Francia|Germania|Spagna|Italia|Portogallo|Belgio|Svizzera|Polonia|Svezia|Giappone|Brasile|Canada|Irlanda|"
    "Paesi Bassi|Austria",
    "pt": "França|Alemanha|Espanha|Itália|Portugal|Bélgica|Suíça|Polónia|Suécia|Japão|Brasil|Canadá|Irlanda|"
    "Países Baixos|Áustria",
}
COUNTRIES = {
    lang: list(zip(_COUNTRY_CODES.split("|"), names.split("|"), strict=True)) for lang, names in _COUNTRY_NAMES.items()
}

_LANGUAGE_CODES = "eng fra deu spa ita por nld pol jpn swe"
_LANGUAGE_NAMES = {
    "en": "English French German Spanish Italian Portuguese Dutch Polish Japanese Swedish",
    "fr": "anglais français allemand espagnol italien portugais néerlandais polonais japonais suédois",
    "de": "Englisch Französisch Deutsch Spanisch Italienisch Portugiesisch Niederländisch Polnisch Japanisch "
    "Schwedisch",
    "es": "inglés francés alemán español italiano portugués neerlandés polaco japonés sueco",
    "it": "inglese francese tedesco spagnolo italiano portoghese olandese polacco giapponese svedese",
    "pt": "inglês francês alemão espanhol italiano português neerlandês polaco japonês sueco",
}
LANGUAGES = {
    lang: list(zip(_LANGUAGE_CODES.split(), names.split(), strict=True)) for lang, names in _LANGUAGE_NAMES.items()
}

POOLS: dict[str, dict[str, str]] = {
    "first names": {
        "en": "Alice|Brian|Carla|Derek|Erin|Frank|Grace|Henry|Isla|Jack|Karen|Liam|Megan|Noah|Olivia|Peter|Quinn|Ruth|"
        "Sam|Tara|Victor|Wendy|Zoe|Oscar|Priya|Kwame|Mei|Omar|Nadia|Luca",
        "fr": "Amélie|Benoît|Camille|Damien|Élodie|Fabrice|Gaëlle|Hugo|Inès|Julien|Karim|Lucie|Maxime|Nathalie|Olivier|"
        "Pauline|Quentin|Romane|Sébastien|Thérèse|Yasmine|Antoine|Chloé|Mathis",
        "de": "Anna|Bernd|Claudia|Dieter|Elke|Florian|Gisela|Hannes|Ingrid|Jürgen|Katrin|Lukas|Monika|Niklas|Petra|"
        "Ralf|Sabine|Thorsten|Ulrike|Volker|Jonas|Heike|Mehmet|Sören",
        "es": "Alejandro|Beatriz|Carmen|Diego|Elena|Fernando|Gloria|Hugo|Inés|Javier|Lucía|Manuel|Nuria|Óscar|Pilar|"
        "Raúl|Sofía|Tomás|Verónica|Álvaro|Marta|Iván|Rocío|Andrés",
        "it": "Alessandro|Bianca|Chiara|Davide|Elisa|Fabio|Giulia|Ivo|Lorenzo|Martina|Nicolò|Paola|Riccardo|Silvia|"
        "Tommaso|Valeria|Matteo|Serena|Luigi|Carlotta|Emanuele|Irene|Stefano|Greta",
        "pt": "Ana|Bruno|Catarina|Diogo|Eduarda|Filipe|Gonçalo|Helena|Inês|João|Leonor|Miguel|Nuno|Patrícia|Rita|"
        "Sérgio|Teresa|Vasco|Beatriz|Tiago|Mariana|Rui|Luísa|André",
    },
    "last names": {
        "en": "Harper|Nguyen|Whitfield|Okafor|Sanders|Doyle|Patel|Kowalski|Brennan|Fletcher|Marsh|Ibrahim|Caldwell|"
        "Rowe|Hobbs|Lindqvist|Abbott|Frost|Gallagher|Mercer|Pike|Tran|Underwood|Yates|Singh|Novak|Reyes|Stone",
        "fr": "Lefèvre|Marchand|Besson|Dupuis|Girard|Haddad|Jacquet|Laurent|Moulin|Noël|Perrin|Rousseau|Tessier|Vidal|"
        "Barbier|Charpentier|Delmas|Fontaine|Guérin|Lambert|Meunier|Poirier|Renaud|Traoré",
        "de": "Albrecht|Brandt|Dietrich|Engel|Fuchs|Graf|Hartmann|Jäger|Kessler|Lindner|Möller|Neumann|Ott|Pfeiffer|"
        "Reuter|Schäfer|Thiele|Vogt|Winkler|Yılmaz|Zimmermann|Bauer|Krüger|Stein",
        "es": "Aguilar|Blanco|Cabrera|Domínguez|Espinosa|Fuentes|Garrido|Herrera|Iglesias|Jiménez|León|Molina|Navarro|"
        "Ortega|Peña|Quintana|Rivas|Serrano|Torres|Vega|Zamora|Castaño|Muñoz|Pascual",
        "it": "Amato|Barbieri|Caruso|De Luca|Esposito|Ferri|Galli|Leone|Marchetti|Neri|Orlando|Pellegrini|Rinaldi|"
        "Sartori|Testa|Valentini|Zanetti|Bellini|Conti|Fabbri|Grassi|Moretti|Parisi|Villa",
        "pt": "Almeida|Barbosa|Cardoso|Duarte|Esteves|Figueiredo|Gomes|Henriques|Lopes|Machado|Nogueira|Oliveira|"
        "Pinheiro|Queirós|Ribeiro|Simões|Teixeira|Vieira|Antunes|Brito|Correia|Faria|Moreira|Tavares",
    },
    "companies": {
        "en": "* Ltd|* Inc.|* & Sons|* Group|* Partners LLP|* Logistics|* Labs|* Foods|* Systems|* Trading Co.|"
        "* Energy|* Medical|* Studio|* Corp.",
        "fr": "* SARL|* SAS|Groupe *|Ateliers *|Établissements *|* & Fils|* Conseil|* Services|Maison *|* Industrie|"
        "Transports *|* Distribution",
        "de": "* GmbH|* AG|* & Söhne|* KG|Autohaus *|* Technik GmbH|* Bau|* Logistik|Bäckerei *|* Software GmbH|"
        "* Handels GmbH|* Werke",
        "es": "* S.L.|* S.A.|Grupo *|Talleres *|* e Hijos|Distribuciones *|* Consultores|Transportes *|* Servicios|"
        "Industrias *|Almacenes *|* Soluciones",
        "it": "* S.r.l.|* S.p.A.|Gruppo *|Officine *|* & Figli|* Servizi|Ditta *|* Trasporti|Fratelli *|"
        "* Consulenze|Cantine *|* Impianti",
        "pt": "* Lda.|* S.A.|Grupo *|* & Filhos|Oficinas *|* Serviços|Transportes *|* Soluções|Construções *|"
        "* Distribuição|Padaria *|* Consultores",
    },
    "cities": {
        "en": "Leeds|Boston|Portland|Bristol|Denver|Cardiff|Austin|Norwich|Toronto|Dublin|Seattle|Exeter|Glasgow|"
        "Chicago|Melbourne|Oakland|Sheffield|Auckland|Tucson|Plymouth|Cork|Madison|Ottawa|Durham",
        "fr": "Lyon|Nantes|Rennes|Grenoble|Dijon|Angers|Lille|Tours|Metz|Bordeaux|Besançon|Nîmes|Reims|Toulouse|Pau|"
        "Orléans|Caen|Limoges|Avignon|Brest|Amiens|Genève|Namur|Annecy",
        "de": "Köln|Leipzig|Bremen|Kassel|Ulm|Freiburg|Dresden|Münster|Augsburg|Graz|Bonn|Kiel|Mainz|Würzburg|Jena|"
        "Lübeck|Erfurt|Linz|Potsdam|Basel|Essen|Göttingen|Trier|Rostock",
        "es": "Zaragoza|Valencia|Bilbao|Murcia|Granada|Gijón|Córdoba|Vigo|Salamanca|Burgos|Alicante|Logroño|León|"
        "Santander|Cádiz|Toledo|Huelva|Oviedo|Almería|Pamplona|Badajoz|Lleida|Jaén|Segovia",
        "it": "Bologna|Torino|Verona|Bari|Trieste|Modena|Parma|Perugia|Lecce|Padova|Genova|Cagliari|Ancona|Siena|"
        "Bergamo|Catania|Ferrara|Trento|Rimini|Pisa|Udine|Ravenna|Como|Lucca",
        "pt": "Porto|Braga|Coimbra|Évora|Aveiro|Faro|Setúbal|Viseu|Guimarães|Leiria|Curitiba|Recife|Fortaleza|Santarém|"
        "Beja|Cascais|Almada|Guarda|Campinas|Lagos|Sintra|Tomar|Salvador|Niterói",
    },
    "streets": {
        "en": "Maple Street|King's Road|Harbour Lane|Church Avenue|Elm Drive|Station Road|Mill Lane|Oak Street|"
        "Bridge Street|Park Row|Canal Walk|Orchard Close|Victoria Terrace|Hill Road|Cedar Court|High Street|"
        "Lincoln Avenue|Foundry Yard",
        "fr": "rue des Lilas|avenue Jean-Moulin|boulevard de la Gare|rue du Moulin|place du Marché|rue Victor-Hugo|"
        "chemin des Vignes|quai de la Loire|rue de l'Église|allée des Tilleuls|rue Pasteur|impasse du Puits",
        "de": "Lindenstraße|Bahnhofstraße|Am Markt|Gartenweg|Schillerstraße|Hauptstraße|Mühlenweg|Kirchgasse|"
        "Ringstraße|Bergstraße|Hafenallee|Goetheplatz",
        "es": "Calle Mayor|Avenida de la Paz|Calle del Olmo|Plaza Nueva|Calle San Juan|Paseo del Río|Calle Cervantes|"
        "Ronda Norte|Camino Viejo|Calle Real|Avenida del Puerto|Calle Jardines",
        "it": "Via Roma|Corso Garibaldi|Via dei Mille|Piazza Dante|Via Verdi|Viale Europa|Via San Marco|Via del Mulino|"
        "Largo Colombo|Via Mazzini|Via dell'Orto|Strada Nuova",
        "pt": "Rua das Flores|Avenida da Liberdade|Rua do Sol|Praça Nova|Rua Direita|Travessa do Forno|Rua da Escola|"
        "Largo da Sé|Rua Camões|Avenida Central|Rua do Moinho|Rua das Oliveiras",
    },
    "colours": {
        "en": "black|white|navy blue|dark green|red|grey|silver|beige|purple|orange|light blue|yellow|olive|burgundy",
        "fr": "noir|blanc|bleu marine|vert foncé|rouge|gris|argent|beige|violet|orange|bleu clair|jaune",
        "de": "schwarz|weiß|dunkelblau|dunkelgrün|rot|grau|silber|beige|lila|orange|hellblau|gelb",
        "es": "negro|blanco|azul marino|verde oscuro|rojo|gris|plateado|beige|morado|naranja|azul claro|amarillo",
        "it": "nero|bianco|blu scuro|verde scuro|rosso|grigio|argento|beige|viola|arancione|azzurro|giallo",
        "pt": "preto|branco|azul-marinho|verde-escuro|vermelho|cinzento|prateado|bege|roxo|laranja|azul-claro|amarelo",
    },
    "materials": {
        "en": "oak|stainless steel|cotton|leather|wool|aluminium|glass|bamboo|recycled plastic|linen|ceramic|carbon "
        "fibre",
        "fr": "chêne|acier inoxydable|coton|cuir|laine|aluminium|verre|bambou|plastique recyclé|lin|céramique|noyer",
        "de": "Eiche|Edelstahl|Baumwolle|Leder|Wolle|Aluminium|Glas|Bambus|Kunststoff|Leinen|Keramik|Nussbaum",
        "es": "roble|acero inoxidable|algodón|cuero|lana|aluminio|vidrio|bambú|plástico reciclado|lino|cerámica|nogal",
        "it": "rovere|acciaio inox|cotone|pelle|lana|alluminio|vetro|bambù|plastica riciclata|lino|ceramica|noce",
        "pt": "carvalho|aço inoxidável|algodão|couro|lã|alumínio|vidro|bambu|plástico reciclado|linho|cerâmica|"
        "nogueira",
    },
    "goods": {
        "en": "desk lamp|backpack|office chair|kettle|rain jacket|wireless headphones|bookshelf|coffee grinder|"
        "yoga mat|"
        "bike helmet|toaster|suitcase|running shoes|floor rug|garden hose|keyboard|frying pan|tent|wall clock|"
        "power bank|blanket|water bottle|monitor stand|umbrella",
        "fr": "lampe de bureau|sac à dos|chaise de bureau|bouilloire|veste de pluie|casque sans fil|étagère|"
        "moulin à café|tapis de yoga|casque de vélo|grille-pain|valise|chaussures de course|tuyau d'arrosage|clavier|"
        "poêle|tente|horloge murale",
        "de": "Schreibtischlampe|Rucksack|Bürostuhl|Wasserkocher|Regenjacke|Kopfhörer|Bücherregal|Kaffeemühle|"
        "Yogamatte|"
        "Fahrradhelm|Toaster|Koffer|Laufschuhe|Gartenschlauch|Tastatur|Bratpfanne|Zelt|Wanduhr",
        "es": "lámpara de mesa|mochila|silla de oficina|hervidor|chubasquero|auriculares inalámbricos|estantería|"
        "molinillo de café|esterilla de yoga|casco de bicicleta|tostadora|maleta|zapatillas de correr|manguera|teclado|"
        "sartén|tienda de campaña|reloj de pared",
        "it": "lampada da tavolo|zaino|sedia da ufficio|bollitore|giacca impermeabile|cuffie senza fili|libreria|"
        "macinacaffè|tappetino da yoga|casco da bici|tostapane|valigia|scarpe da corsa|tubo da giardino|tastiera|"
        "padella|tenda|orologio da parete",
        "pt": "candeeiro de mesa|mochila|cadeira de escritório|chaleira|impermeável|auscultadores sem fios|estante|"
        "moinho de café|tapete de ioga|capacete de bicicleta|torradeira|mala|sapatilhas de corrida|mangueira|teclado|"
        "frigideira|tenda|relógio de parede",
    },
    "jobs": {
        "en": "nurse|data analyst|warehouse supervisor|pastry chef|civil engineer|sales manager|electrician|"
        "backend developer|accountant|truck driver|graphic designer|lab technician|teaching assistant|HR officer|"
        "product manager|welder|receptionist|translator",
        "fr": "infirmier|analyste de données|chef d'équipe logistique|pâtissier|ingénieur civil|responsable des ventes|"
        "électricien|développeur backend|comptable|chauffeur routier|graphiste|technicien de laboratoire|soudeur|"
        "réceptionniste|traducteur|chef de projet|cuisinier|acheteur",
        "de": "Krankenpfleger|Datenanalyst|Lagerleiter|Konditor|Bauingenieur|Vertriebsleiter|Elektriker|"
        "Backend-Entwickler|Buchhalter|Lkw-Fahrer|Grafiker|Laborant|Schweißer|Empfangsmitarbeiter|Übersetzer|"
        "Projektleiter|Koch|Einkäufer",
        "es": "enfermero|analista de datos|jefe de almacén|pastelero|ingeniero civil|director comercial|electricista|"
        "desarrollador backend|contable|camionero|diseñador gráfico|técnico de laboratorio|soldador|recepcionista|"
        "traductor|jefe de proyecto|cocinero|comprador",
        "it": "infermiere|analista dati|responsabile di magazzino|pasticcere|ingegnere civile|direttore vendite|"
        "elettricista|sviluppatore backend|contabile|autista|grafico|tecnico di laboratorio|saldatore|receptionist|"
        "traduttore|responsabile di progetto|cuoco|addetto acquisti",
        "pt": "enfermeiro|analista de dados|chefe de armazém|pasteleiro|engenheiro civil|diretor de vendas|eletricista|"
        "programador backend|contabilista|camionista|designer gráfico|técnico de laboratório|soldador|rececionista|"
        "tradutor|gestor de projeto|cozinheiro|comprador",
    },
    "skills": {
        "": "Python|SQL|Excel|SAP|AutoCAD|Photoshop|Docker|Kubernetes|Java|Figma|Linux|React|TypeScript|Power BI|Git|"
        "Salesforce|Rust|Terraform|PostgreSQL|C++|Tableau|Go|Blender|MATLAB",
    },
    "groceries": {
        "en": "milk|rye bread|apples|ground coffee|cheddar|olive oil|orange juice|eggs|dark chocolate|basmati rice|"
        "green tea|butter|tomatoes|sparkling water|yoghurt|honey|spaghetti|bananas",
        "fr": "lait|pain de seigle|pommes|café moulu|comté|huile d'olive|jus d'orange|œufs|chocolat noir|riz basmati|"
        "thé vert|beurre|tomates|eau gazeuse|yaourt|miel|spaghettis|bananes",
        "de": "Milch|Roggenbrot|Äpfel|Kaffee gemahlen|Gouda|Olivenöl|Orangensaft|Eier|Zartbitterschokolade|Basmatireis|"
        "Grüner Tee|Butter|Tomaten|Mineralwasser|Joghurt|Honig|Spaghetti|Bananen",
        "es": "leche|pan de centeno|manzanas|café molido|queso manchego|aceite de oliva|zumo de naranja|huevos|"
        "chocolate negro|arroz basmati|té verde|mantequilla|tomates|agua con gas|yogur|miel|espaguetis|plátanos",
        "it": "latte|pane di segale|mele|caffè macinato|parmigiano|olio d'oliva|succo d'arancia|uova|"
        "cioccolato fondente|riso basmati|tè verde|burro|pomodori|acqua frizzante|yogurt|miele|spaghetti|banane",
        "pt": "leite|pão de centeio|maçãs|café moído|queijo da serra|azeite|sumo de laranja|ovos|chocolate preto|"
        "arroz basmati|chá verde|manteiga|tomates|água com gás|iogurte|mel|esparguete|bananas",
    },
    "dishes": {
        "en": "lentil soup|mushroom risotto|apple crumble|beef stew|fish pie|pumpkin curry|lemon tart|chicken pie|"
        "bean chilli|carrot cake|onion soup|pea salad|rice pudding|leek quiche|corn chowder|plum cake|potato gratin|"
        "ginger biscuits",
        "fr": "soupe de lentilles|risotto aux champignons|tarte aux pommes|bœuf bourguignon|gratin dauphinois|"
        "curry de potiron|tarte au citron|ratatouille|quiche aux poireaux|gâteau aux carottes|soupe à l'oignon|"
        "riz au lait",
        "de": "Linsensuppe|Pilzrisotto|Apfelstrudel|Rindergulasch|Kartoffelauflauf|Kürbiscurry|Zitronenkuchen|"
        "Käsespätzle|Lauchquiche|Möhrenkuchen|Zwiebelsuppe|Milchreis",
        "es": "sopa de lentejas|arroz con setas|tarta de manzana|estofado de ternera|tortilla de patatas|"
        "curry de calabaza|tarta de limón|gazpacho|quiche de puerros|pastel de zanahoria|sopa de cebolla|"
        "arroz con leche",
        "it": "zuppa di lenticchie|risotto ai funghi|torta di mele|spezzatino di manzo|gnocchi al pesto|"
        "vellutata di zucca|torta al limone|parmigiana|quiche ai porri|torta di carote|zuppa di cipolle|riso al latte",
        "pt": "sopa de lentilhas|risoto de cogumelos|tarte de maçã|guisado de vaca|bacalhau com natas|"
        "caril de abóbora|tarte de limão|caldo verde|quiche de alho-francês|bolo de cenoura|sopa de cebola|arroz doce",
    },
    "cuisines": {
        "en": "Italian|Thai|Mexican|Lebanese|Korean|Indian|Greek|Ethiopian|Japanese|Spanish|Turkish|Peruvian",
        "fr": "italienne|thaïlandaise|mexicaine|libanaise|coréenne|indienne|grecque|éthiopienne|japonaise|espagnole|"
        "turque|péruvienne",
        "de": "italienische|thailändische|mexikanische|libanesische|koreanische|indische|griechische|äthiopische|"
        "japanische|spanische|türkische|peruanische",
        "es": "italiana|tailandesa|mexicana|libanesa|coreana|india|griega|etíope|japonesa|francesa|turca|peruana",
        "it": "francese|thailandese|messicana|libanese|coreana|indiana|greca|etiope|giapponese|spagnola|turca|"
        "peruviana",
        "pt": "italiana|tailandesa|mexicana|libanesa|coreana|indiana|grega|etíope|japonesa|espanhola|turca|peruana",
    },
}


@cache
def entries(pool: str, lang: str) -> Sequence[str]:
    """A shared pool's words in a language, or in all languages where there is but one list."""
    table = POOLS[pool]
    return tuple((table.get(lang) or table[""]).split("|"))
