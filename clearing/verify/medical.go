package verify

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/medical"
	"citycard/clearing/message"
)

// A person's settlements, and then the tallies.
const besidePersons = `
	SELECT person, 0 AS what, claim, result, 0::INT8, ''::TEXT, 0::INT8, 0::INT8, 0::INT8 FROM medical_settlements
	UNION ALL SELECT person, 1, NULL, NULL, year, kind, settlements, deductible_fen, fund_fen FROM medical_years
	ORDER BY person, what`

// settlementDays compares the days of settlements with those of their batches.
func (c *check) settlementDays(ctx context.Context) error {
	var hospital, settlement string
	var day, booked int64
	return c.each(ctx, `SELECT m.hospital, m.settlement, m.day, b.day FROM medical_settlements m
		JOIN streams s ON s.stream = m.stream JOIN batches b ON b.stream = s.number AND b.sequence = m.sequence
		WHERE b.day <> m.day ORDER BY m.hospital, m.settlement`, []any{&hospital, &settlement, &day, &booked}, func() error {
		c.fault(Settlement, fmt.Sprintf("settlement %s of hospital %s", settlement, hospital), "it is kept under day %d; its batch is booked in %d", day, booked)
		return nil
	})
}

// tallyKey is a row of a person's tallies.
type tallyKey struct {
	year int64
	kind string
}

// person is one person's tallies, as the settlements make them.
type person struct {
	token   []byte
	tallies map[tallyKey]medical.Used
}

// medicalYears compares what persons have used with their settlements.
func (c *check) medicalYears(ctx context.Context) error {
	var token, claim, result []byte
	var what int
	var key tallyKey
	var settlements int64
	var used medical.Used
	p := person{tallies: map[tallyKey]medical.Used{}}
	err := c.each(ctx, besidePersons, []any{&token, &what, &claim, &result, &key.year, &key.kind, &settlements, &used.DeductibleFen, &used.FundFen}, func() error {
		if string(token) != string(p.token) {
			c.endPerson(&p)
			p = person{append([]byte(nil), token...), map[tallyKey]medical.Used{}}
		}
		if what == 0 {
			c.settle(&p, claim, result)
			return nil
		}
		used.Settlements = int(settlements)
		if want, ok := p.tallies[key]; !ok || want != used {
			c.fault(MedicalYear, tallyName(token, key), "%d settlements, deductible %d, fund %d; the settlements make %d, %d and %d", used.Settlements,
				used.DeductibleFen, used.FundFen, want.Settlements, want.DeductibleFen, want.FundFen)
		}
		delete(p.tallies, key)
		return nil
	})
	c.endPerson(&p)
	return err
}

func tallyName(token []byte, key tallyKey) string {
	return fmt.Sprintf("person %x, year %d, %s", token, key.year, key.kind)
}

// settle adds a settlement. A year with a settlement has tallies of both kinds.
func (c *check) settle(p *person, claim, result []byte) {
	var request message.MedicalClaim
	var answer message.MedicalResult
	err := proto.Unmarshal(claim, &request)
	if err == nil {
		err = proto.Unmarshal(result, &answer)
	}
	at, timeErr := message.ParseTime(request.GetTime(), time.UTC)
	if err != nil || timeErr != nil {
		return // that the row was changed is reported with its batch
	}
	for _, kind := range []medical.Kind{medical.Inpatient, medical.Outpatient} {
		key := tallyKey{int64(at.Year()), string(kind)}
		used := p.tallies[key]
		if request.GetKind() == string(kind) {
			used.Settlements++
			used.DeductibleFen += answer.GetDeductibleFen()
			used.FundFen += answer.GetFundFen()
		}
		p.tallies[key] = used
	}
}

// endPerson reports tallies that are not there.
func (c *check) endPerson(p *person) {
	defer c.inOrder()()
	for key, want := range p.tallies {
		c.fault(MedicalYear, tallyName(p.token, key), "it is not there; the settlements make %d, deductible %d, fund %d", want.Settlements, want.DeductibleFen, want.FundFen)
	}
}
