package api_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"citycard/clearing/cards"
	"citycard/clearing/clearingtest"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/people/api"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/persons"
	"citycard/clearing/stock"
	"citycard/clearing/transit/load"
)

// TestScope has everybody of every unit try everything that can be asked for: exactly what the
// table allows happens. An act of the policy without a row fails, and so does an operation of the
// API that is not tried.
func TestScope(t *testing.T) {
	r, rows := newRealm(t)
	r.everyAct(rows)
	r.everyOperation()
	for _, row := range rows {
		rule, _ := r.office.People.Policy.Rule(row.act)
		switch {
		case row.about == "":
			r.nobodyAsks(row)
		case row.act == "see proposals":
			r.sees(row)
		case row.act == "see imports of persons":
			r.seesImports(row)
		case row.act == "see loads of a card", row.act == "see an order":
			r.seesLoads(row)
		case row.act == "see what is owed":
			r.seesOwed(row)
		case row.act == "see cards":
			r.seesCards(row)
		case row.act == "see shifts":
			r.seesShifts(row)
		case row.act == "see stock":
			r.seesStock(row)
		case rule.Two() && row.about != "any unit":
			r.proposed(row)
			r.decided(row)
		case rule.Two():
			r.aboutAny(row)
		default:
			r.alone(row)
		}
	}
	r.keeperElsewhere()
}

// everyAct wants a row of the table for each act of the policy.
func (r *realm) everyAct(rows []scopeRow) {
	r.Helper()
	tried := map[string]bool{}
	for _, row := range rows {
		tried[row.act] = true
		if rule, found := r.office.People.Policy.Rule(row.act); row.about == "" && (!found || rule.Program != (row.why == "of the program") || rule.Proposal != (row.why == "of proposals")) {
			r.Errorf("the table says that %q is %s, and the policy does not", row.act, row.why)
		}
	}
	for _, act := range r.office.People.Policy.Acts() {
		if !tried[act] {
			r.Errorf("the act %q of the policy has no row in testdata/scope.txt", act)
		}
	}
}

// nobodyAsks tries to propose an act that is none of people's, or has no operation here.
func (r *realm) nobodyAsks(row scopeRow) {
	r.Helper()
	for _, by := range []string{"keeper-issuer", "supervisor-issuer"} {
		r.tried("propose "+row.act, by, false, func() api.Kind {
			st := r.statement(by, proposal.ActPropose, proposal.StatementOfKind(row.act, [32]byte{}), "because")
			kind, _ := send(r, "/v1/proposals", api.Proposing{Kind: row.act, Request: json.RawMessage("{}"), Reason: "because", Signed: r.sign(by, st)})
			return kind
		}, api.NotFound)
	}
}

// aboutAny has an act of two proposed for each unit, and decided for one's own and for another.
func (r *realm) aboutAny(row scopeRow) {
	r.Helper()
	asked := map[people.Unit]bool{}
	for _, m := range r.members {
		if row.about = m.Unit; asked[m.Unit] {
			continue
		}
		asked[m.Unit] = true
		r.proposed(row)
		if m.Unit == people.Issuer || m.Unit == "operator:metro" {
			r.decided(row)
		}
	}
}

// proposed has everybody propose an act of two.
func (r *realm) proposed(row scopeRow) {
	r.Helper()
	for _, m := range r.members {
		r.tried("propose "+row.act+" for "+string(row.about), m.ID, proposes(row.may[m.ID]), func() api.Kind {
			_, kind := r.propose(m.ID, row.act, row.about)
			return kind
		}, api.Denied)
	}
}

// decided has everybody approve, reject and withdraw what somebody else has proposed, and who
// proposed it approve and reject it.
func (r *realm) decided(row scopeRow) {
	r.Helper()
	proposer, second := "clerk-issuer", "supervisor-issuer"
	if row.may[proposer] == '.' {
		proposer, second = "kim", "keeper-issuer"
	}
	if clerk := memberOf(people.Clerk, string(row.about)); row.may["clerk-issuer"] == '.' && row.may[clerk] == 'p' {
		proposer, second = clerk, memberOf(people.Supervisor, string(row.about))
	}
	waits := func(by string) *api.View {
		v, kind := r.propose(by, row.act, row.about)
		if kind != "" {
			r.Fatalf("%s cannot propose %s: %s", by, row.act, kind)
		}
		return &v
	}
	v := waits(proposer)
	about := row.act + " for " + string(row.about)
	for _, m := range r.members {
		may := approves(row.may[m.ID])
		for how, act := range map[string]string{"approve": people.ActApprove, "reject": proposal.ActReject} {
			if may && v == nil {
				v = waits(proposer)
			}
			r.tried(how+" "+about, m.ID, may, func() api.Kind { return r.decide(m.ID, how, act, v) }, api.Denied, api.NotFound)
			if may {
				r.became(v, how, proposer, m.ID)
				v = waits(proposer)
			}
		}
		if m.ID != proposer {
			r.tried("withdraw "+about, m.ID, false, func() api.Kind { return r.decide(m.ID, "withdraw", proposal.ActWithdraw, v) }, api.Denied, api.NotFound)
		}
	}
	r.tried("withdraw "+about, proposer, true, func() api.Kind { return r.decide(proposer, "withdraw", proposal.ActWithdraw, v) })
	v = waits(second)
	r.tried("approve their own "+about, second, false, func() api.Kind { return r.decide(second, "approve", people.ActApprove, v) }, api.Denied)
	r.tried("reject their own "+about, second, false, func() api.Kind { return r.decide(second, "reject", proposal.ActReject, v) }, api.Denied)
}

// became wants the last entry of the act in the audit to be that of a decision.
func (r *realm) became(v *api.View, how, proposer, decider string) {
	r.Helper()
	act, first, second := proposal.ActReject, decider, ""
	if rule, _ := r.office.People.Policy.Rule(v.Kind); how == "approve" {
		act, first, second = rule.Act, proposer, decider
	}
	var is [2]string
	r.must(r.ledger.Pool().QueryRow(r.Context(), "SELECT first, second FROM audit WHERE act = $1 ORDER BY number DESC LIMIT 1", act).Scan(&is[0], &is[1]))
	if want := [2]string{first, second}; is != want {
		r.Errorf("%s by %s leaves the entry %q, want %q", how, decider, is, want)
	}
}

// alone has everybody do an act that takes one.
func (r *realm) alone(row scopeRow) {
	r.Helper()
	for i, m := range r.members {
		may := row.may[m.ID] == 'd'
		switch row.act {
		case access.ActIssue:
			r.tried(row.act, m.ID, may, func() api.Kind { return r.issue(m.ID, fmt.Sprintf("token %d", i)) }, api.Denied)
		case access.ActRevoke:
			if kind := r.issue("supervisor-issuer", fmt.Sprintf("revoked %d", i)); kind != "" {
				r.Fatalf("no credential to revoke: %s", kind)
			}
			r.tried(row.act, m.ID, may, func() api.Kind { return r.revoke(m.ID) }, api.Denied)
		case persons.ActImport:
			r.tried(row.act, m.ID, may, func() api.Kind { return r.imports(m.ID, passports(100+i, 1)+oneRow, false) }, api.Denied)
		case persons.ActTry:
			r.tried(row.act, m.ID, may, func() api.Kind { return r.imports(m.ID, passports(100+i, 1)+oneRow, true) }, api.Denied)
		case persons.ActUndo:
			r.unfinished()
			r.tried(row.act, m.ID, may, func() api.Kind { return r.imports(m.ID, passports(200+i, 1), false) }, api.Denied)
		case persons.ActRead:
			r.tried(row.act, m.ID, may, func() api.Kind {
				return r.find(r.sign(m.ID, r.statement(m.ID, persons.ActRead, persons.ReadText, "complaint")))
			}, api.Denied)
		case cards.ActHandOver: // nobody does it alone
			want := api.Denied
			if may {
				want = api.TwoPeople
			}
			r.tried(row.act, m.ID, false, r.shift(row.act, m.ID), want)
		case cards.ActOpenShift, cards.ActOpenOther, cards.ActCloseShift, cards.ActGiveBack, cards.ActAnothers:
			r.tried(row.act, m.ID, may, r.shift(row.act, m.ID), api.Denied, api.Refused)
		case load.ActAskInvoice:
			r.tried(row.act, m.ID, may, func() api.Kind { return r.asksInvoice(m.ID, fmt.Sprintf("i-%d", i)) }, api.Denied)
		case load.ActAnswers:
			r.tried(row.act, m.ID, may, func() api.Kind { return r.takesReplies(m.ID, fmt.Sprintf("a-%d", i)) }, api.Denied)
		case cards.ActBank:
			r.tried(row.act, m.ID, may, func() api.Kind { return r.takesBank(m.ID, 1+i) }, api.Denied)
		case stock.ActSpoil, stock.ActCount, cards.ActIssue:
			r.tried(row.act, m.ID, may, func() api.Kind { return r.stores(m.ID, row) }, api.Denied)
		default:
			if do, ok := stepOf(row.act); ok {
				o := r.ready(do)
				r.tried(row.act, m.ID, may, func() api.Kind { return r.steps(m.ID, o) }, api.Denied)
				continue
			}
			r.Fatalf("%q has a row of its own, and nothing in this test tries it", row.act)
		}
	}
}

func (r *realm) issue(id, token string) api.Kind {
	r.Helper()
	order := access.Order{Unit: access.Channel("counter"), Kind: access.Token, Hash: access.HashToken(token), Days: 3}
	signed := r.sign(id, r.statement(id, access.ActIssue, order.What(), "contract"))
	kind, _ := send(r, "/v1/credentials", api.Issuing{Unit: order.Unit, Kind: order.Kind, Hash: order.Hash.String(), Days: order.Days, Signed: signed})
	return kind
}

// revoke has somebody revoke the last credential.
func (r *realm) revoke(id string) api.Kind {
	r.Helper()
	var number int64
	r.must(r.ledger.Pool().QueryRow(r.Context(), "SELECT max(number) FROM credentials").Scan(&number))
	signed := r.sign(id, r.statement(id, access.ActRevoke, (&access.Ended{Credential: number}).What(), "lost"))
	kind, _ := send(r, fmt.Sprintf("/v1/credentials/%d/revoke", number), api.Revoking{Signed: signed})
	return kind
}

// keeperElsewhere wants that nobody can be a keeper of another unit than the issuer, which is why
// the table has no column for that.
func (r *realm) keeperElsewhere() {
	r.Helper()
	for _, m := range r.members {
		if m.Unit == people.Issuer {
			continue
		}
		e := people.Enrolment{ID: "k." + m.ID[len(m.Role):], Name: "K", Unit: m.Unit, Role: people.Keeper, Key: peopletest.Key(r, "k").Public().String()}
		if err := r.staff.Enrol(r.Context(), e, r.staff.Two(r, "kim", "lee", people.ActEnrol, e.ID, "test")); err == nil {
			r.Errorf("a keeper of %s is enrolled", m.Unit)
		}
	}
}

// look is an answer to somebody who asks over a network.
func (r *realm) look(id, method, path, body string) (kind api.Kind, answer []byte) {
	r.Helper()
	what := method + " " + path
	if body != "" {
		what = named(what, body)
	}
	key := peopletest.Key(r, id)
	st := r.statement(id, people.Looking, atHost(what), "")
	st.Person = key.Public().Fingerprint()
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set(api.LookHeader, r.header(key, st))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	held(r, r.server.Remote()).ServeHTTP(recorder, request)
	if recorder.Code == http.StatusOK {
		return "", recorder.Body.Bytes()
	}
	var p api.Problem
	r.must(json.Unmarshal(recorder.Body.Bytes(), &p))
	return p.Type, recorder.Body.Bytes()
}

// sees has everybody look over a network at a proposal about a unit, at the list, at who works for
// the unit, and at what a proposal would be.
func (r *realm) sees(row scopeRow) {
	r.Helper()
	const act = "release suspended" // which every unit may propose for itself
	v, kind := r.propose("supervisor-issuer", act, row.about)
	if kind != "" {
		r.Fatal(kind)
	}
	clerk := peopletest.Key(r, memberOf(people.Clerk, string(row.about))).Public().Fingerprint()
	name, body, _ := r.drafted(act, row.about)
	draft, err := json.Marshal(api.Asked{Kind: name, Request: body, Reason: "because"})
	r.must(err)
	for _, m := range r.members {
		may := row.may[m.ID] == 'l'
		before := r.traces()
		shown, _ := r.look(m.ID, http.MethodGet, fmt.Sprintf("/v1/proposals/%d", v.Number), "")
		_, page := r.look(m.ID, http.MethodGet, fmt.Sprintf("/v1/proposals?after=%d", v.Number-1), "")
		_, others := r.look(m.ID, http.MethodGet, fmt.Sprintf("/v1/proposals?after=%d&unit=%s", v.Number-1, row.about), "")
		who, _ := r.look(m.ID, http.MethodGet, "/v1/whoami?key="+strings.ReplaceAll(strings.ReplaceAll(clerk, "+", "%2B"), "/", "%2F"), "")
		number := fmt.Sprintf(`"number":%d,`, v.Number)
		listed, filtered := strings.Contains(string(page), number), strings.Contains(string(others), number)
		if (shown == "") != may || listed != may || filtered != may || (who == "") != may {
			r.Errorf("%s, who may see what is about %s: %t; shown %q, listed %t and %t, whoami %q", m.ID, row.about, may, shown, listed, filtered, who)
		}
		mayAsk := m.Role != people.Auditor && m.Role != people.Keeper && (m.Unit == people.Issuer || m.Unit == row.about)
		if kind, _ := r.look(m.ID, http.MethodPost, draftPath, string(draft)); (kind == "") != mayAsk || !mayAsk && kind != api.Denied {
			r.Errorf("%s drafts for %s: %q, want it done: %t", m.ID, row.about, kind, mayAsk)
		}
		if after := r.traces(); before != after {
			r.Errorf("the looks of %s leave %s -> %s", m.ID, before, after)
		}
	}
	if proposer := r.decide("supervisor-issuer", "withdraw", proposal.ActWithdraw, &v); proposer != "" {
		r.Error(proposer)
	}
}

// seesLoads has everybody look over a network at what waits for a card, or at a channel's order.
func (r *realm) seesLoads(row scopeRow) {
	r.Helper()
	path := "/v1/loads/waiting?card=" + clearingtest.Card + "&issuer=" + clearingtest.Issuer
	if row.act == "see an order" {
		path = "/v1/loads/orders?channel=counter&order=o-1"
	}
	for _, m := range r.members {
		may, before := row.may[m.ID] == 'l', r.traces()
		if kind, _ := r.look(m.ID, http.MethodGet, path, ""); (kind == "") != may || !may && kind != api.NotFound {
			r.Errorf("%s sees %s: %q, want it shown: %t", m.ID, path, kind, may)
		}
		if after := r.traces(); before != after {
			r.Errorf("the looks of %s leave %s -> %s", m.ID, before, after)
		}
	}
}

// seesOwed has everybody look over a network at what is owed.
func (r *realm) seesOwed(row scopeRow) {
	r.Helper()
	for _, m := range r.members {
		may, before := row.may[m.ID] == 'l', r.traces()
		if kind, _ := r.look(m.ID, http.MethodGet, "/v1/loads/owed", ""); (kind == "") != may || !may && kind != api.Denied {
			r.Errorf("%s sees what is owed: %q, want it shown: %t", m.ID, kind, may)
		}
		if after := r.traces(); before != after {
			r.Errorf("the looks of %s leave %s -> %s", m.ID, before, after)
		}
	}
}

// everyOperation wants each operation of the API to be one that this test tries.
func (r *realm) everyOperation() {
	r.Helper()
	const tried = "books whoami found issue revoke draft list show propose approve reject withdraw find-person import-persons show-import list-rejects unfinished products find-card step-card open-shift close-shift hand-over shifts give-back shifts-owed shifts-handed shift-differences stock spoil-stock count-stock issue-cards waiting-loads load-order owed ask-load-invoice take-invoice-answers take-bank-file"
	for _, id := range operations(r) {
		if !strings.Contains(" "+tried+" ", " "+id+" ") {
			r.Errorf("the operation %q is in no row of testdata/scope.txt: add its act, and have TestScope try it", id)
		}
	}
	wrong := hex.EncodeToString(make([]byte, 32))
	for _, m := range r.members {
		r.tried("become a keeper with a token of their own", m.ID, false, func() api.Kind {
			n := people.Newcomer{Token: wrong, ID: "x" + m.ID, Name: "X"}
			key := peopletest.Key(r, m.ID)
			kind, _ := send(r, "/v1/keepers", api.Founding{Token: n.Token, ID: n.ID, Name: n.Name, Public: key.Public().String(), Signed: r.sign(m.ID, n.StatementOf(r.books, time.Now()))})
			return kind
		}, api.Refused)
	}
}
