package truth

// Summary is the truth in a few numbers.
type Summary struct {
	Day        int    `json:"day"`
	Seed       uint64 `json:"seed"`
	Sent       int    `json:"sent"`
	Cleared    int    `json:"cleared"`
	Duplicates int    `json:"duplicates"`
	Disputed   int    `json:"disputed"`
	Pending    int    `json:"pending,omitempty"`
	// Unconfirmed are taps without a TAC. Gaps are the taps before which a payment of their card is
	// missing that never came.
	Unconfirmed int `json:"unconfirmed,omitempty"`
	Gaps        int `json:"gaps,omitempty"`

	Suspended   map[string]int   `json:"suspended"` // reason -> records
	Rejected    map[string]int   `json:"rejected"`  // reason -> records
	ByPurpose   map[string]Sum   `json:"by_purpose"`
	Payees      map[string]int64 `json:"payees"` // account -> fen credited by the records that post
	Faults      map[string]int   `json:"faults"` // what the simulator did -> records
	Late        int              `json:"late"`   // records signed before the day
	Cards       int              `json:"cards"`
	PursesFen   int64            `json:"purses_fen"`
	UnbookedFen int64            `json:"unbooked_fen,omitempty"`
}

// Sum is a count and an amount.
type Sum struct {
	Count int   `json:"count"`
	Fen   int64 `json:"fen"`
}

// NewSummary is the summary of a day on which nothing was sent yet.
func NewSummary(day int, seed uint64) Summary {
	return Summary{
		Day: day, Seed: seed, Suspended: map[string]int{}, Rejected: map[string]int{},
		ByPurpose: map[string]Sum{}, Payees: map[string]int64{}, Faults: map[string]int{},
	}
}

// Summarise counts records; by purpose and payee it counts only those that post.
func Summarise(day int, seed uint64, records []Record, purses []Purse) Summary {
	s := NewSummary(day, seed)
	for i := range records {
		s.Count(&records[i])
	}
	for _, p := range purses {
		s.Purse(p)
	}
	return s
}

// Purse counts what a card holds.
func (s *Summary) Purse(p Purse) {
	s.Cards++
	s.PursesFen += p.Fen
	s.UnbookedFen += p.Unbooked
}

// Count counts a record.
func (s *Summary) Count(r *Record) {
	s.Sent++
	s.count(r)
	if r.Fault != "" {
		s.Faults[r.Fault]++
	}
	if r.Day != 0 && r.Day < s.Day && r.Purpose != Pension && r.Purpose != PensionReturn {
		s.Late++
	}
}

// Add adds the records of another part or day. Day and purses are those of the
// later one.
func (s *Summary) Add(o *Summary) {
	if o.Day > s.Day || o.Day == s.Day && o.Cards > 0 {
		s.Day, s.Cards, s.PursesFen, s.UnbookedFen = o.Day, o.Cards, o.PursesFen, o.UnbookedFen
	}
	s.Sent, s.Cleared, s.Duplicates = s.Sent+o.Sent, s.Cleared+o.Cleared, s.Duplicates+o.Duplicates
	s.Disputed, s.Pending, s.Late = s.Disputed+o.Disputed, s.Pending+o.Pending, s.Late+o.Late
	s.Unconfirmed, s.Gaps = s.Unconfirmed+o.Unconfirmed, s.Gaps+o.Gaps
	addAll(s.Suspended, o.Suspended)
	addAll(s.Rejected, o.Rejected)
	addAll(s.Faults, o.Faults)
	addAll(s.Payees, o.Payees)
	for purpose, sum := range o.ByPurpose {
		old := s.ByPurpose[purpose]
		s.ByPurpose[purpose] = Sum{old.Count + sum.Count, old.Fen + sum.Fen}
	}
}

func addAll[N int | int64](to, from map[string]N) {
	for name, n := range from {
		to[name] += n
	}
}

func (s *Summary) count(r *Record) {
	switch r.Verdict {
	case Cleared:
		s.Cleared++
	case Suspended:
		s.Suspended[r.Reason]++
	case Rejected:
		s.Rejected[r.Reason]++
		return
	case Duplicate:
		s.Duplicates++
		return
	case Disputed:
		s.Disputed++
		return
	case Unconfirmed:
		s.Unconfirmed++
		return
	case Pending:
		s.Pending++
	}
	s.post(r.Purpose, r.Payee, r.Fen)
	if r.Also != nil {
		s.post(r.Also.Purpose, r.Payee, r.Also.Fen)
	}
}

func (s *Summary) post(purpose, payee string, fen int64) {
	sum := s.ByPurpose[purpose]
	s.ByPurpose[purpose] = Sum{sum.Count + 1, sum.Fen + fen}
	if fen > 0 && payee != "" {
		s.Payees[payee] += fen
	}
}

// PayeesFen is what all payees together were credited.
func (s *Summary) PayeesFen() (fen int64) {
	for _, n := range s.Payees {
		fen += n
	}
	return fen
}
