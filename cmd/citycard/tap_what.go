package main

import (
	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/ledger"
)

// nameOf describes in a few words a row that was refused, disputed or quarantined and is neither
// tap nor load: a claim, a list of pensions, a receipt. The text does not identify a person.
func (r *tapReader) nameOf(row *ledger.Row) *language.Text {
	if q, ok := identity.ParseQuarantined(row.ID); ok && row.Kind == docket.KindQuarantine {
		if name := nameOfMessage(row.Evidence); name != nil {
			return name
		}
		return language.Textf("record at offset %d", q.Offset)
	}
	if row.Kind == ledger.DisputeKind {
		switch string(row.Subject) {
		case chart.Reserve, chart.BankMedical, chart.BankPension:
			return language.Textf("receipt at %s", string(row.Subject))
		}
	}
	if name := nameOfMessage(row.Evidence); name != nil {
		return name
	}
	return language.Textf("%d bytes that are no known message", len(row.Evidence))
}

// nameOfMessage finds the kind of message in the bytes, by a field that every message of that kind
// has; nil where there is none.
func nameOfMessage(evidence []byte) *language.Text {
	var claim message.MedicalClaim
	if err := proto.Unmarshal(evidence, &claim); err == nil && claim.GetHospital() != "" && claim.GetSettlement() != "" && len(claim.GetPerson()) == 16 {
		return language.Textf("claim %s of %s", claim.GetSettlement(), claim.GetHospital())
	}
	var batch message.PensionBatch
	if err := proto.Unmarshal(evidence, &batch); err == nil && len(batch.GetMonth()) == 6 && batch.GetPayday() != "" {
		return language.Textf("pensions %s of %s, %d lines", batch.GetBatch(), batch.GetMonth(), len(batch.GetLines()))
	}
	var result message.PensionResult
	if err := proto.Unmarshal(evidence, &result); err == nil && len(result.GetMonth()) == 6 {
		return language.Textf("returned pensions %s of %s, %d lines", result.GetBatch(), result.GetMonth(), len(result.GetReturns()))
	}
	var order message.LoadRequest
	if err := proto.Unmarshal(evidence, &order); err == nil && order.GetOrder() != "" && len(order.GetCard()) == 10 {
		return language.Textf("order %s of channel %s", order.GetOrder(), order.GetChannel())
	}
	return nil
}
