package medical

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/registry/index"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// request is one record of a batch on its way to an answer.
type request struct {
	record docket.Record
	claim  *message.MedicalClaim
	token  index.Token
	number string         // of the settlement, as it is compared
	shaped verdict.Reason // None where the fields can be used
	day    ledger.Day
	at     time.Time
	ruled
}

// ruled is what an attempt made of a request.
type ruled struct {
	split   Split
	refused string // the reason given to the desk
	repeats int    // the request of this batch that it repeats, or -1
	known   []byte // the stored answer of a repeat of an earlier batch
}

func (r *request) String() string {
	return fmt.Sprintf("medical claim %s of %s", r.claim.GetSettlement(), r.claim.GetHospital())
}

// read decodes a record; bytes that are no claim are a request without one.
func read(record docket.Record, booking ledger.Day) *request {
	r := &request{record: record, claim: &message.MedicalClaim{}}
	if err := proto.Unmarshal(record.Value, r.claim); err != nil {
		return &request{record: record, shaped: verdict.Undecodable}
	}
	r.shaped = r.shape(claimSpan(booking, record.At))
	return r
}

// span is a range of days, both included.
type span struct{ from, to ledger.Day }

// How many days a claim's date may be from the clearing day and from the day on which the claim
// arrived: a wrong clock at a desk must not reach into another year's tally.
const (
	claimDaysBack  = 400
	claimDaysAhead = 1
)

func claimSpan(booking ledger.Day, arrived time.Time) span {
	s := span{booking.Add(-claimDaysBack), booking.Add(claimDaysAhead)}
	if !arrived.IsZero() {
		day := ledger.DayOf(arrived)
		s.from, s.to = min(s.from, day.Add(-claimDaysBack)), max(s.to, day.Add(claimDaysAhead))
	}
	return s
}

// shape checks what the key is made of.
func (r *request) shape(bounds span) verdict.Reason {
	at, err := message.ParseTime(r.claim.GetTime(), time.UTC)
	if err != nil || len(r.record.Value) > message.RecordLimit || !message.Fixed(r.token[:], r.claim.GetPerson()) ||
		!identity.IsName(r.claim.GetHospital(), 32) || len(r.claim.GetVisit()) > 30 {
		return verdict.InvalidField
	}
	if r.number, err = identity.Number(r.claim.GetSettlement(), 30); err != nil {
		return verdict.InvalidField
	}
	if r.at, r.day = at, ledger.DayOf(at); !r.day.Valid() || r.day > bounds.to || r.day < bounds.from {
		return verdict.InvalidField
	}
	return verdict.None
}

// answerable reports whether a claim can be answered, with its person as the key and its own fields
// in the answer. Other bytes are refused without an answer.
func (r *request) answerable() bool {
	return len(r.record.Value) <= message.RecordLimit && len(r.claim.GetPerson()) == len(r.token)
}

// Asked is a claim as the rules see it.
func Asked(m *message.MedicalClaim) Claim {
	return Claim{
		Kind: Kind(m.GetKind()), TotalFen: m.GetTotalFen(), OwnPayFen: m.GetOwnPayFen(),
		OverLimitFen: m.GetOverLimitFen(), FirstPayFen: m.GetFirstPayFen(), InScopeFen: m.GetInScopeFen(),
	}
}

// key is that of one part of the settlement.
func (r *request) key(part identity.MedicalPart) ledger.Key {
	return ledger.Key{Day: r.day, Subject: ledger.Subject(r.token[:]), ID: identity.Medical(part, r.claim.GetHospital(), r.number)}
}

// count carries the tally of the claim's year past it.
func (r *request) count(years map[yearKey]YearSoFar, split Split) error {
	key := yearKey{r.token, r.at.Year()}
	after, err := years[key].After(Kind(r.claim.GetKind()), r.at, split)
	if err != nil {
		return fmt.Errorf("%s: %w", r, err)
	}
	years[key] = after
	return nil
}
