"""A bank transfer: payer, payee, account number, amount, reference, day of booking, fee."""

from __future__ import annotations

from smolkit.data.synth.kind import Kind
from smolkit.data.synth.values import Draw, Record, Value


def draw(d: Draw) -> Record:
    booked = d.date()
    return {
        "payer": d.person(),
        "payee": d.company() if d.rng.random() < 0.6 else d.person(),
        "iban": d.iban(),
        "bank": Value(d.word("banks").replace("*", d.invented())),
        "amount": d.money(10, 5000),
        "fee": d.money(1, 9),
        "currency": d.currency("amount"),
        "reference": d.code("RF## #### ####|INV-#####|####-@@|2## ### ###"),
        "booked": booked,
        "value_date": d.date(after=booked, days=(1, 4)),
        "status": d.enum("status"),
        "number": d.code("TX#######|T-####-####|########"),
    }


EN = r"""
names
  payer: payer|sender|from|ordered by
  payee: payee|beneficiary|recipient|paid to
  iban: IBAN|account number|beneficiary account
  bank: bank|bank name|beneficiary bank
  amount: amount|transfer amount|sum
  fee: fee|bank fee|charges
  currency: currency|currency code
  reference: reference|payment reference|purpose
  booked: booking date|date|booked on
  value_date: value date|settlement date|valuta
  status: status|transfer status
  number: transaction number|transaction id|id
  beneficiary: beneficiary|recipient details
  beneficiary.payee: name|payee
enum status
  completed: completed|executed
  pending: pending|in progress
  rejected: rejected|declined
pool banks
  Bank of *|* Savings Bank|First * Bank|* Credit Union
open
  {payer} sent {amount} to {payee}[ on {booked}].
  Transfer of {amount} to {payee}[, {bank}][, IBAN {iban}].
  Payment order {number}: {amount} from {payer} to {payee}.
  We have booked {amount} in favour of {payee}[ on {booked}].
body
  Beneficiary account: {iban}[ at {bank}].
  Reference: {reference}.
  The bank charged a fee of {fee}.
  Booked on {booked}[, value date {value_date}].
  Value date: {value_date}.
  Status: {status}.
  Transaction number {number}.
  Ordered by {payer}.
  Bank of the beneficiary: {bank}.
extra
  The new balance is {#money}.
  Questions? Call {#phone}.
  Your adviser is {#person}.
title
  TRANSFER ADVICE
  Payment order
"""

FR = r"""
names
  payer: donneur d'ordre|émetteur|payeur
  payee: bénéficiaire|payé à
  iban: IBAN|numéro de compte
  bank: banque|nom de la banque
  amount: montant|montant du virement
  fee: frais|frais bancaires
  currency: devise
  reference: référence|motif
  booked: date d'opération|date
  value_date: date de valeur
  status: statut
  number: numéro d'opération|identifiant
  beneficiary: destinataire
  beneficiary.payee: nom
enum status
  completed: exécuté|effectué
  pending: en attente|en cours
  rejected: rejeté|refusé
pool banks
  Banque *|Caisse *|Crédit *
open
  {payer} a viré {amount} à {payee}[ le {booked}].
  Virement de {amount} au bénéficiaire {payee}[, {bank}][, IBAN {iban}].
  Ordre {number} : {amount} de {payer} à {payee}.
body
  Compte du bénéficiaire : {iban}[, {bank}].
  Référence : {reference}.
  Frais : {fee}.
  Date d'opération : {booked}[, date de valeur : {value_date}].
  Date de valeur : {value_date}.
  Statut : {status}.
  Opération n° {number}.
  Donneur d'ordre : {payer}.
extra
  Nouveau solde : {#money}.
  Votre conseiller : {#person}.
title
  AVIS DE VIREMENT
"""

DE = r"""
names
  payer: Auftraggeber|Zahler
  payee: Empfänger|Begünstigter
  iban: IBAN|Kontonummer
  bank: Bank|Name der Bank
  amount: Betrag|Überweisungsbetrag
  fee: Gebühr|Bankgebühr
  currency: Währung
  reference: Verwendungszweck|Referenz
  booked: Buchungstag|Datum
  value_date: Wertstellung|Valuta
  status: Status
  number: Vorgangsnummer|Auftragsnummer
  beneficiary: Begünstigter
  beneficiary.payee: Name
enum status
  completed: ausgeführt|abgeschlossen
  pending: in Bearbeitung|vorgemerkt
  rejected: abgelehnt|zurückgewiesen
pool banks
  Sparkasse *|Volksbank *|Bankhaus *
open
  {payer} hat {amount} an {payee} überwiesen[, gebucht am {booked}].
  Überweisung von {amount} an {payee}[, {bank}][, IBAN {iban}].
  Auftrag {number}: {amount} von {payer} an {payee}.
body
  Konto des Empfängers: {iban}[, {bank}].
  Verwendungszweck: {reference}.
  Gebühr: {fee}.
  Buchungstag: {booked}[, Wertstellung: {value_date}].
  Wertstellung: {value_date}.
  Status: {status}.
  Vorgangsnummer {number}.
  Auftraggeber: {payer}.
extra
  Neuer Kontostand: {#money}.
  Ihr Berater: {#person}.
title
  ÜBERWEISUNG
"""

ES = r"""
names
  payer: ordenante|pagador
  payee: beneficiario|pagado a
  iban: IBAN|número de cuenta
  bank: banco|entidad
  amount: importe|importe de la transferencia
  fee: comisión|gastos bancarios
  currency: moneda
  reference: referencia|concepto
  booked: fecha de operación|fecha
  value_date: fecha valor
  status: estado
  number: número de operación|identificador
  beneficiary: destinatario
  beneficiary.payee: nombre
enum status
  completed: ejecutada|realizada
  pending: pendiente
  rejected: rechazada
pool banks
  Banco *|Caja *
open
  {payer} ha transferido {amount} a {payee}[ el {booked}].
  Transferencia de {amount} a {payee}[, {bank}][, IBAN {iban}].
body
  Cuenta del beneficiario: {iban}[, {bank}].
  Concepto: {reference}.
  Comisión: {fee}.
  Fecha de operación: {booked}[, fecha valor: {value_date}].
  Fecha valor: {value_date}.
  Estado: {status}.
  Operación n.º {number}.
  Ordenante: {payer}.
extra
  Nuevo saldo: {#money}.
title
  TRANSFERENCIA
"""

IT = r"""
names
  payer: ordinante|pagatore
  payee: beneficiario|pagato a
  iban: IBAN|numero di conto
  bank: banca|istituto
  amount: importo|importo del bonifico
  fee: commissione|spese bancarie
  currency: valuta
  reference: causale|riferimento
  booked: data operazione|data
  value_date: data di valuta
  status: stato
  number: numero operazione|identificativo
  beneficiary: destinatario
  beneficiary.payee: nome
enum status
  completed: eseguito
  pending: in attesa|in corso
  rejected: respinto|rifiutato
pool banks
  Banca *|Cassa *
open
  {payer} ha inviato {amount} a {payee}[, {booked}].
  Bonifico di {amount} a favore di {payee}[, {bank}][, IBAN {iban}].
body
  Conto del beneficiario: {iban}[, {bank}].
  Causale: {reference}.
  Commissione: {fee}.
  Data operazione: {booked}[, data di valuta: {value_date}].
  Data di valuta: {value_date}.
  Stato: {status}.
  Operazione n. {number}.
  Ordinante: {payer}.
extra
  Nuovo saldo: {#money}.
title
  BONIFICO
"""

PT = r"""
names
  payer: ordenante|pagador
  payee: beneficiário|pago a
  iban: IBAN|número de conta
  bank: banco|instituição
  amount: montante|montante da transferência
  fee: comissão|despesas bancárias
  currency: moeda
  reference: referência|descritivo
  booked: data da operação|data
  value_date: data-valor
  status: estado
  number: número da operação|identificador
  beneficiary: destinatário
  beneficiary.payee: nome
enum status
  completed: executada
  pending: pendente
  rejected: rejeitada
pool banks
  Banco *|Caixa *
open
  {payer} transferiu {amount} para {payee}[ a {booked}].
  Transferência de {amount} para {payee}[, {bank}][, IBAN {iban}].
body
  Conta do beneficiário: {iban}[, {bank}].
  Descritivo: {reference}.
  Comissão: {fee}.
  Data da operação: {booked}[, data-valor: {value_date}].
  Data-valor: {value_date}.
  Estado: {status}.
  Operação n.º {number}.
  Ordenante: {payer}.
extra
  Novo saldo: {#money}.
title
  TRANSFERÊNCIA
"""

KIND = Kind(
    draw,
    wording={"en": EN, "fr": FR, "de": DE, "es": ES, "it": IT, "pt": PT},
    core=("amount", "payee"),
    groups={"beneficiary": ("payee", "iban", "bank")},
)
