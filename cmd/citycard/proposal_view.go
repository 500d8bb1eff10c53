package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"time"

	staff "citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/clearing/people/proposal"
	"citycard/clearing/registry"
	"citycard/clearing/rules"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// zoned is the zone of times that are printed.
type zoned struct{ *time.Location }

func (z zoned) text(at time.Time) string { return at.In(z.Location).Format(time.RFC3339) }

// proposalLine is a proposal as it is printed.
type proposalLine struct {
	Proposal int64          `json:"proposal"`
	Kind     string         `json:"kind"`
	Unit     staff.Unit     `json:"unit"`
	State    proposal.State `json:"state"`
	Proposer string         `json:"proposer"`
	At       string         `json:"at"`
	Expires  string         `json:"expires"`
	Decider  string         `json:"decider,omitempty"`
	Decided  string         `json:"decided_at,omitempty"`
	Reason   string         `json:"reason"`
	Note     string         `json:"note,omitempty"`
	Hash     string         `json:"hash"`
}

func (d *desk) line(p *api.Proposal) proposalLine {
	line := proposalLine{
		Proposal: p.Number, Kind: p.Kind, Unit: p.Unit, State: p.State, Proposer: p.Proposer, At: d.zone.text(p.At), Expires: d.zone.text(p.Expires),
		Decider: p.Decider, Reason: p.Reason, Note: p.Note, Hash: p.Hash,
	}
	if p.DecidedAt != nil {
		line.Decided = d.zone.text(*p.DecidedAt)
	}
	return line
}

const waitingHeader = ">PROPOSAL\tKIND\tUNIT\tSTATE\tPROPOSED\tUNTIL\tDECIDED\tREASON"

func (d *desk) cells(p proposalLine, l language.Language) []string {
	decided := p.Decider
	if decided != "" {
		decided += " " + p.Decided
	}
	return []string{strconv.FormatInt(p.Proposal, 10), p.Kind, string(p.Unit), proposalStateIn(l, p.State), p.Proposer + " " + p.At, p.Expires, decided, p.Reason}
}

// proposalStateIn is what became of a proposal, for people.
func proposalStateIn(l language.Language, s proposal.State) string {
	switch s {
	case proposal.Waiting:
		return l.Coded(string(s), string(s), "待复核")
	case proposal.Approved:
		return l.Coded(string(s), string(s), "已复核通过")
	case proposal.Rejected:
		return l.Coded(string(s), string(s), "已驳回")
	case proposal.Withdrawn:
		return l.Coded(string(s), string(s), "已撤回")
	case proposal.Expired:
		return l.Coded(string(s), string(s), "已过期")
	case proposal.Ended:
		return l.Coded(string(s), "who proposed it is not enrolled any more", "提出人已停用")
	case proposal.Odd:
		return l.Coded(string(s), "its row cannot be read: citycard verify names what was altered", "记录无法读取，请用 citycard verify 查明")
	}
	return string(s)
}

// proposalView is a proposal with all that it does, as it is printed for machines.
type proposalView struct {
	proposalLine
	Request json.RawMessage  `json:"request"`
	Change  *proposal.Change `json:"change"`
	Stale   string           `json:"stale,omitempty"`
	Beside  proposalBeside   `json:"beside"`
}

type proposalBeside struct {
	At       string            `json:"at"`
	Balances []proposalBalance `json:"balances"`
	Last     []proposalSize    `json:"last"`
}

type proposalBalance struct {
	Account string     `json:"account"`
	Balance ledger.Fen `json:"balance"`
}

type proposalSize struct {
	Proposal int64      `json:"proposal"`
	At       string     `json:"at"`
	Rows     int        `json:"rows"`
	Fen      ledger.Fen `json:"fen"`
}

// print prints what a proposal does.
func (d *desk) print(v *api.View) error {
	if d.asJSON {
		return d.printJSON(v)
	}
	p := &v.Proposal
	d.Print("proposal %d: %s, unit %s, %s", p.Number, p.Kind, string(p.Unit), proposalStateIn(d.Language, p.State))
	d.Print("proposed by %s on %s, good until %s: %s", p.Proposer, d.zone.text(p.At), d.zone.text(p.Expires), p.Reason)
	if p.DecidedAt != nil {
		d.Print("decided by %s on %s: %s", p.Decider, d.zone.text(*p.DecidedAt), d.note(p))
	}
	if err := d.printChange(v.Change); err != nil {
		return err
	}
	switch p.Kind {
	case registry.ChangeName:
		d.printModes(v.Change)
		d.Print("citycard registry diff proposal:%d shows all rows, each with the row before", p.Number)
	case rules.ChangeName:
		d.Print("citycard rules diff proposal:%d shows each field", p.Number)
	}
	if err := d.printBeside(&v.Beside); err != nil {
		return err
	}
	if v.Stale != nil {
		d.Print("IT WOULD BE REFUSED NOW: %w", v.Stale)
	}
	d.Print("hash %s", p.Hash)
	return nil
}

// note is what stands with a decision, for people.
func (d *desk) note(p *api.Proposal) string {
	switch {
	case p.Note == proposal.BookedBefore:
		return d.Language.Choose(p.Note, "此前已入账")
	case p.Note == "":
		return proposalStateIn(d.Language, p.State)
	}
	return p.Note
}

func (d *desk) printJSON(v *api.View) error {
	out := proposalView{proposalLine: d.line(&v.Proposal), Request: v.Request, Change: v.Change, Beside: proposalBeside{
		At: d.zone.text(v.Beside.At), Balances: []proposalBalance{}, Last: []proposalSize{},
	}}
	if v.Stale != nil {
		out.Stale = v.Stale.Error()
	}
	for _, b := range v.Beside.Balances {
		out.Beside.Balances = append(out.Beside.Balances, proposalBalance{b.Account, b.Fen})
	}
	for _, s := range v.Beside.Last {
		out.Beside.Last = append(out.Beside.Last, proposalSize{s.Number, d.zone.text(s.At), s.Rows, s.Sum})
	}
	return writeJSON(os.Stdout, out)
}

// rightAligned matches what is aligned at its right end in a table.
var rightAligned = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// printChange prints what is signed.
func (d *desk) printChange(c *proposal.Change) error {
	rows := service.Table{Language: d.Language}
	numbers := true
	for _, r := range c.Rows {
		for _, f := range r.Fields {
			numbers = numbers && (f.Is == "" || rightAligned.MatchString(f.Is)) && (f.Becomes == "" || rightAligned.MatchString(f.Becomes))
		}
	}
	if numbers {
		rows.Head("ROW", "STATE", "FIELD", ">IS", ">BECOMES")
	} else {
		rows.Head("ROW", "STATE", "FIELD", "IS", "BECOMES")
	}
	for _, r := range c.Rows {
		name, state := r.In(d.Language), r.State
		if state == "" {
			state = d.Language.Choose("new", "新增")
		}
		if len(r.Fields) == 0 {
			rows.Add(name, state, "", "", "")
		}
		for _, f := range r.Fields {
			rows.Add(name, state, d.Language.Of(f.Name), f.Is, f.Becomes)
			name, state = "", ""
		}
	}
	if len(c.Rows) > 0 {
		if err := rows.Write(os.Stdout); err != nil {
			return err
		}
	}
	if len(c.Transfers) > 0 {
		transfers := service.Table{Language: d.Language}
		transfers.Head("DEBIT", "CREDIT", ">YUAN")
		for _, t := range c.Transfers {
			transfers.Add(t.Debit, t.Credit, t.Fen.String())
		}
		if len(c.Transfers) > 1 {
			transfers.Add("", d.Language.Choose("together", "合计"), c.Sum().String())
		}
		if err := transfers.Write(os.Stdout); err != nil {
			return err
		}
	}
	for i := range c.Effects {
		d.Print("- %s", c.Effects[i].In(d.Language))
	}
	return nil
}

// printBeside prints what is not signed.
func (d *desk) printBeside(b *api.Beside) error {
	if len(b.Balances) > 0 {
		d.Print("balances on %s, which are not signed:", d.zone.text(b.At))
		balances := service.Table{Language: d.Language}
		balances.Head("ACCOUNT", ">BALANCE")
		for _, balance := range b.Balances {
			balances.Add(balance.Account, balance.Fen.String())
		}
		if err := balances.Write(os.Stdout); err != nil {
			return err
		}
	}
	if len(b.Last) == 0 {
		d.Print("no proposal of this kind was approved before")
		return nil
	}
	d.Print("the last of this kind that were approved:")
	last := service.Table{Language: d.Language}
	last.Head(">PROPOSAL", "PROPOSED", ">ROWS", ">YUAN")
	for _, s := range b.Last {
		last.Add(strconv.FormatInt(s.Number, 10), d.zone.text(s.At), strconv.Itoa(s.Rows), s.Sum.String())
	}
	return last.Write(os.Stdout)
}
