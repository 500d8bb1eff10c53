package api

import (
	"encoding/hex"
	"encoding/json"
	"time"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// Books are the books that a server has.
type Books struct {
	Books   string    `json:"books" doc:"Identity of the books, which every statement names"`
	Version string    `json:"version" doc:"Version of the server's program"`
	Time    time.Time `json:"time" doc:"The database's clock; statements must be within five minutes of it"`
	Zone    string    `json:"zone" doc:"The city's time zone"`
}

// Person is whose key it is.
type Person struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	Unit     people.Unit  `json:"unit"`
	Role     people.Role  `json:"role"`
	Revision int64        `json:"revision" doc:"1 with the enrolment, one more with each change"`
	Since    time.Time    `json:"since"`
	Ended    *time.Time   `json:"ended,omitempty" doc:"When the person was disabled"`
	Demo     bool         `json:"demo" doc:"Enrolled by a demonstration"`
	Key      string       `json:"key" doc:"Public key"`
	InForce  bool         `json:"in_force" doc:"The person can sign with the key that was asked for"`
	Service  bool         `json:"service,omitempty" doc:"It is a program: it proposes and looks, and never approves"`
	Stands   []Deputyship `json:"stands_for,omitempty" doc:"In for which supervisors the person stands as a deputy, now or later"`
}

// Deputyship is for whom a deputy stands in.
type Deputyship struct {
	For   string    `json:"for"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until" doc:"The first second after it"`
}

// Proposal is a proposal without what it does.
type Proposal struct {
	Number    int64          `json:"number" doc:"0 of a draft"`
	Kind      string         `json:"kind"`
	Unit      people.Unit    `json:"unit" doc:"Whose money or rows it is about"`
	Approves  people.Unit    `json:"approves,omitempty" doc:"Whose people approve, where that is another unit"`
	State     proposal.State `json:"state" doc:"waiting, approved, rejected, withdrawn, expired, ended"`
	Proposer  string         `json:"proposer"`
	At        time.Time      `json:"at"`
	Expires   time.Time      `json:"expires"`
	Decider   string         `json:"decider,omitempty"`
	DecidedAt *time.Time     `json:"decided_at,omitempty"`
	Reason    string         `json:"reason"`
	Note      string         `json:"note,omitempty" doc:"What stands with the decision"`
	Hash      string         `json:"hash" doc:"SHA-256 of kind, request and change, in hexadecimal digits"`
}

// View is a proposal with all that it does.
type View struct {
	Proposal
	Request json.RawMessage  `json:"request" doc:"The request in its one form"`
	Change  *proposal.Change `json:"change" doc:"All that is done, and all that it depends on. Request and change are hashed as they stand here, to the byte"`
	Stale   *Problem         `json:"stale,omitempty" doc:"Why the proposal, which waits, would be refused now"`
	Beside  Beside           `json:"beside" doc:"What is shown with it and is not signed"`
	What    string           `json:"what" doc:"What is to be signed: the statement's field what"`
	Said    []string         `json:"said,omitempty" doc:"Of a draft: what the request left out, and why"`
}

// Beside is what is shown beside a change.
type Beside struct {
	At       time.Time `json:"at" doc:"Of the balances, by the database's clock"`
	Balances []Balance `json:"balances"`
	Last     []Size    `json:"last" doc:"The last proposals of the kind that were approved, newest first"`
}

// Balance is an account's balance.
type Balance struct {
	Account string     `json:"account"`
	Fen     ledger.Fen `json:"balance" doc:"Credits less debits, in fen"`
}

// Size is how large a proposal of the same kind was.
type Size struct {
	Number int64      `json:"proposal"`
	At     time.Time  `json:"at"`
	Rows   int        `json:"rows"`
	Sum    ledger.Fen `json:"fen"`
}

// Page is a part of a list.
type Page struct {
	Proposals []Proposal `json:"proposals"`
	Next      int64      `json:"next,omitempty" doc:"The number after which the list goes on; 0: this is its end"`
}

// Outcome is what a decision has come to.
type Outcome struct {
	Proposal
	Repeated bool     `json:"repeated" doc:"It was approved before, or its act was booked before: nothing was done now"`
	Said     []string `json:"said,omitempty" doc:"What was done"`
}

// Asked asks what a request would do.
type Asked struct {
	Kind    string          `json:"kind" minLength:"1" maxLength:"64" doc:"Kind of proposal: account limit"`
	Request json.RawMessage `json:"request" doc:"What is asked for; the draft has the request that it makes of that"`
	Reason  string          `json:"reason" minLength:"1" maxLength:"1024"`
}

// Proposing proposes.
type Proposing struct {
	Kind    string          `json:"kind" minLength:"1" maxLength:"64"`
	Request json.RawMessage `json:"request" doc:"The request, as the draft has it"`
	Reason  string          `json:"reason" minLength:"1" maxLength:"1024"`
	Signed  Signature       `json:"signed" doc:"Statement of the act \"propose\""`
}

// Approving approves.
type Approving struct {
	Hash   string    `json:"hash" pattern:"^[0-9a-f]{64}$" doc:"Hash of what was shown"`
	Signed Signature `json:"signed" doc:"Statement of the act \"approve proposal\""`
}

// Deciding rejects or withdraws.
type Deciding struct {
	Reason string    `json:"reason" maxLength:"1024"`
	Signed Signature `json:"signed" doc:"Statement of the act \"reject proposal\" or \"withdraw proposal\""`
}

// Founding has somebody become a keeper, with a token that was printed at the founding.
type Founding struct {
	Token  string    `json:"token" minLength:"1" maxLength:"128"`
	ID     string    `json:"id" minLength:"1" maxLength:"64"`
	Name   string    `json:"name" minLength:"1" maxLength:"256"`
	Public string    `json:"public" minLength:"1" maxLength:"1024" doc:"The keeper's public key, as a .pub file has it"`
	Signed Signature `json:"signed" doc:"Statement of the act \"enrol keeper\", by that key: its what is \"keeper\", a blank and the id, its reason the name"`
}

// Signature is a signed statement.
type Signature struct {
	Key       string `json:"key" minLength:"1" maxLength:"64" doc:"Fingerprint of the key, as ssh-keygen prints it: SHA256:…"`
	Statement string `json:"statement" minLength:"1" maxLength:"8192" doc:"The text that was signed, to the byte"`
	Signature string `json:"signature" minLength:"1" maxLength:"1024" doc:"SSHSIG of the namespace citycard, its bytes in base64"`
}

func (s Signature) chain() chain.Signature {
	return chain.Signature{Key: s.Key, Statement: s.Statement, Signature: s.Signature}
}

func signatureOf(s chain.Signature) Signature {
	return Signature{Key: s.Key, Statement: s.Statement, Signature: s.Signature}
}

func personOf(p people.Person, inForce bool) Person {
	out := Person{p.ID, p.Name, p.Unit, p.Role, p.Revision, p.Since.UTC(), nil, p.Demo, p.Key.String(), inForce, p.Service, nil}
	for _, s := range p.Stands {
		out.Stands = append(out.Stands, Deputyship{s.For, s.From.UTC(), s.Until.UTC()})
	}
	if p.Disabled() {
		ended := p.Ended.UTC()
		out.Ended = &ended
	}
	return out
}

func proposalOf(p *proposal.Proposal) Proposal {
	out := Proposal{
		Number: p.Number, Kind: p.Kind, Unit: p.Unit, Approves: p.Approves, State: p.State, Proposer: p.Proposer, At: p.At.UTC(), Expires: p.Expires.UTC(),
		Decider: p.Decider, Reason: p.Reason, Note: p.Note, Hash: hex.EncodeToString(p.Hash[:]),
	}
	if p.Decider != "" {
		at := p.DecidedAt.UTC()
		out.DecidedAt = &at
	}
	return out
}

func viewOf(l language.Language, v *proposal.View) *View {
	out := &View{
		Proposal: proposalOf(v.Proposal), Request: v.Body, Change: v.Change,
		Beside: Beside{At: v.Beside.At.UTC(), Balances: []Balance{}, Last: []Size{}},
		What:   proposal.StatementOf(v.Number, v.Hash),
	}
	if v.Number == 0 {
		out.What = proposal.StatementOfKind(v.Kind, v.Hash)
	}
	for _, b := range v.Beside.Balances {
		out.Beside.Balances = append(out.Beside.Balances, Balance(b))
	}
	for _, s := range v.Beside.Last {
		out.Beside.Last = append(out.Beside.Last, Size{s.Number, s.At.UTC(), s.Rows, s.Sum})
	}
	if v.Stale != nil {
		out.Stale = problemOf(l, v.Stale)
	}
	return out
}

func said(l language.Language, texts []*language.Text) (out []string) {
	for _, text := range texts {
		out = append(out, text.In(l))
	}
	return out
}
