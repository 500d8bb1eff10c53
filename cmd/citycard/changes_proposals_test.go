package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"citycard/clearing/chart"
	"citycard/clearing/dayclose"
	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/cmd/server"
	"citycard/ledger"
)

func proposed[T any](l *lived, by, kind string, request T) *proposal.View {
	l.Helper()
	office, err := server.Proposals(l.Ledger)
	l.must(err)
	body, err := proposal.Body(request)
	l.must(err)
	view, err := office.Propose(l.Context(), kind, body, "as the town's day has it", peopletest.Of(l, l.Ledger).Signer(l, by))
	l.must(err)
	return view
}

// completed is the request that is made of what somebody asks for.
func completed[T any](l *lived, kind string, asked T) json.RawMessage {
	l.Helper()
	office, err := server.Proposals(l.Ledger)
	l.must(err)
	body, err := proposal.Body(asked)
	l.must(err)
	request, _, err := office.Complete(l.Context(), kind, body)
	l.must(err)
	return request
}

// two has ann propose something and bob approve it.
func two[T any](l *lived, kind string, request T) {
	l.Helper()
	decided(l, "ann", "bob", kind, request)
}

// decided has somebody propose an act, and somebody else approve it.
func decided[T any](l *lived, by, and, kind string, request T) {
	l.Helper()
	office, err := server.Proposals(l.Ledger)
	l.must(err)
	p := proposed(l, by, kind, request)
	done, err := office.Approve(l.Context(), p.Number, hex.EncodeToString(p.Hash[:]), peopletest.Of(l, l.Ledger).Signer(l, and))
	l.must(err)
	if done.Repeated {
		l.Fatalf("proposal %d was done before", p.Number)
	}
}

// limits changes a limit by two people; other changes of it are rejected, withdrawn, or wait.
func (l *lived) limits() {
	request := chart.LimitRequest{Account: chart.Fund("employee"), Cap: 500_000, Alarm: 400_000}
	two(l, chart.LimitName, request)
	office, err := server.Proposals(l.Ledger)
	l.must(err)
	staff := peopletest.Of(l, l.Ledger)
	for n := range 3 {
		request.Cap += 100
		p := proposed(l, "cleo", chart.LimitName, request)
		switch n {
		case 0:
			_, err = office.Reject(l.Context(), p.Number, "too much", staff.Signer(l, "bob"))
		case 1:
			_, err = office.Withdraw(l.Context(), p.Number, "", staff.Signer(l, "cleo"))
		}
		l.must(err)
	}
}

// deputies appoints deputies for leaves to come, and ends the time of one.
func (l *lived) deputies() {
	for i, of := range [][2]string{{"cleo", "ann"}, {"cleo", "bob"}, {"bob", "ann"}} {
		decided(l, "kim", "lee", people.ActDeputy, people.Deputy{
			ID: of[0], For: of[1], From: fmt.Sprintf("209%d-01-05T00:00:00+08:00", i), Until: fmt.Sprintf("209%d-01-16T00:00:00+08:00", i),
		})
	}
	decided(l, "lee", "kim", people.ActEndDeputy, people.EndDeputy{ID: "bob", For: "ann"})
}

// reopen reopens a closed day by two people.
func (l *lived) reopen(day ledger.Day) { two(l, dayclose.ReopenName, dayclose.ReopenRequest{Day: day}) }
