package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/clearingtest"
	"citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// scopeRow is a row of the table: what each of the staff may do.
type scopeRow struct {
	act   string
	about people.Unit // empty: nobody asks for the act
	why   string      // then: why
	may   map[string]byte
}

// readScope reads the table. members are the people of its columns.
func readScope(t *testing.T) (rows []scopeRow, members []people.Enrolment) {
	t.Helper()
	text, err := os.ReadFile("testdata/scope.txt")
	if err != nil {
		t.Fatal(err)
	}
	var units []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case cells[0] == "act":
			units = cells[2:]
		case len(cells) == 1: // a remark
		case len(cells) == 2:
			rows = append(rows, scopeRow{act: cells[0], why: cells[1]})
		case len(cells) != len(units)+2:
			t.Fatalf("%q has %d cells", line, len(cells))
		case cells[0] == "":
			for i, letters := range cells[2:] {
				for _, role := range people.Roles()[:len(letters)] {
					members = append(members, people.Enrolment{ID: memberOf(role, units[i]), Name: "Somebody", Unit: people.Unit(units[i]), Role: role})
				}
			}
		default:
			row := scopeRow{act: cells[0], about: people.Unit(cells[1]), may: map[string]byte{}}
			for i, letters := range cells[2:] {
				for j := range letters {
					row.may[memberOf(people.Roles()[j], units[i])] = letters[j]
				}
			}
			rows = append(rows, row)
		}
	}
	return rows, members
}

func memberOf(role people.Role, unit string) string {
	return string(role) + "-" + strings.ReplaceAll(unit, ":", "-")
}

// proposes, approves say what a letter of the table means.
func proposes(letter byte) bool { return letter == 'p' || letter == 'b' }
func approves(letter byte) bool { return letter == 'a' || letter == 'b' }

// thing is the request of every kind of the test: all that matters is whose money or rows it is
// about.
type thing struct {
	Name string      `json:"name"`
	Unit people.Unit `json:"unit"`
}

// kindOf is the kind of proposal by which an act of two is done. What it does is its entry alone,
// except for the ledger's own acts.
func kindOf(l *ledger.Ledger, rule people.Rule) proposal.Kind {
	name := rule.Kind
	if name == "" {
		name = rule.Act
	}
	return proposal.Of(name, func(_ context.Context, r thing) (*proposal.Change, error) {
		return &proposal.Change{Unit: r.Unit, Rows: []proposal.Row{proposal.RowOf("thing", r.Name, "").Alters("state", "", "done")}}, nil
	}, func(ctx context.Context, r thing, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		return proposal.Saying(language.Textf("done")), done(ctx, l, rule.Act, r, by)
	})
}

const theDay ledger.Day = 20260105

func done(ctx context.Context, l *ledger.Ledger, act string, r thing, by ledger.Approval) error {
	number, err := strconv.Atoi(strings.TrimPrefix(r.Name, "thing "))
	if err != nil {
		return err
	}
	switch act {
	case chain.ActChangeLimit:
		_, err = l.ChangeLimit(ctx, "agent", ledger.Limit{Cap: ledger.Fen(2000 + number)}, by)
	case chain.ActMarkAccount:
		accounts, err := l.Accounts(ctx)
		if err != nil {
			return err
		}
		agent, _ := accounts.Account("agent")
		return l.MarkAccount(ctx, "agent", ledger.Marks{Frozen: agent.Flags&ledger.Frozen == 0}, by)
	case chain.ActPinSealKey:
		key := sha256.Sum256([]byte(r.Name))
		_, err = l.PinSealKey(ctx, key[:], by)
	case chain.ActReopenDay:
		if err = l.ReopenDay(ctx, theDay, by); err == nil {
			err = closeTheDay(ctx, l)
		}
	default:
		err = l.Write(ctx, func(tx pgx.Tx) error { return ledger.Approve(ctx, tx, act, r.Name, by) })
	}
	return err
}

// closeTheDay closes the day, so that it can be reopened.
func closeTheDay(ctx context.Context, l *ledger.Ledger) error {
	return errors.Join(l.CloseDay(ctx, theDay, theDay.Next()), l.EndDay(ctx, theDay))
}

// realm is a town in which everybody of the table's columns works, with a client at its socket.
type realm struct {
	*town
	office  *proposal.Office
	books   string
	members []people.Enrolment
	client  *http.Client
	things  int
	shifts  int
}

func newRealm(t *testing.T) (*realm, []scopeRow) {
	t.Helper()
	w := newTown(t, 1_000_000)
	rows, members := readScope(t)
	clearingtest.New(t, blanks).Found(t, w.ledger.Pool())
	w.must(closeTheDay(t.Context(), w.ledger))
	for _, e := range members {
		e.Key = peopletest.Key(t, e.ID).Public().String()
		w.must(w.staff.Enrol(t.Context(), e, w.staff.Two(t, "kim", "lee", people.ActEnrol, e.ID, "test")))
	}
	rehearsal := ledger.New(w.ledger.Pool(), w.ledger.Dialect(), ledger.WithRehearsal())
	r := &realm{town: w, office: officeOf(t, w.ledger), members: members}
	rehearses := officeOf(t, rehearsal)
	r.office.Kinds, rehearses.Kinds = nil, nil
	for _, act := range r.office.People.Policy.Acts() {
		if rule, _ := r.office.People.Policy.Rule(act); rule.Two() {
			r.office.Kinds = append(r.office.Kinds, kindOf(w.ledger, rule))
			rehearses.Kinds = append(rehearses.Kinds, kindOf(rehearsal, rule))
		}
	}
	w.server = w.serverOf(r.office, rehearses, 1_000_000)
	w.listen()
	r.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", api.SocketPath(w.dir))
	}}}
	t.Cleanup(r.client.CloseIdleConnections)
	var err error
	r.books, err = w.ledger.ID(t.Context())
	w.must(err)
	r.openCounters()
	return r, rows
}

// statement is what somebody signs of an act, now.
func (r *realm) statement(id, act, what, reason string) people.Statement {
	return people.Statement{Books: r.books, Person: id, Act: act, What: what, Reason: reason, At: time.Now()}
}

func (r *realm) sign(id string, st people.Statement) api.Signature {
	r.Helper()
	signed, err := people.Sign(peopletest.Key(r, id), st)
	r.must(err)
	return signatureOf(signed)
}

func signatureOf(s chain.Signature) api.Signature {
	return api.Signature{Key: s.Key, Statement: s.Statement, Signature: s.Signature}
}

// send posts a body to the socket, and gives what kind of problem that is; empty: it was done.
func send[B any](r *realm, path string, body B) (kind api.Kind, answer []byte) {
	r.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	r.must(encoder.Encode(body))
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, "http://citycard"+path, &text)
	r.must(err)
	request.Header.Set("Content-Type", "application/json")
	response, err := r.client.Do(request)
	r.must(err)
	defer response.Body.Close()
	var out bytes.Buffer
	_, err = out.ReadFrom(response.Body)
	r.must(err)
	if response.StatusCode == http.StatusOK {
		return "", out.Bytes()
	}
	var p api.Problem
	r.must(json.Unmarshal(out.Bytes(), &p))
	return p.Type, out.Bytes()
}

// traces are what an act leaves in the books.
func (r *realm) traces() (left string) {
	r.Helper()
	r.must(r.ledger.Pool().QueryRow(r.Context(), `SELECT concat_ws(' ', (SELECT count(*) FROM audit), (SELECT count(*) FROM used_statements),
		(SELECT count(*) FROM proposals), (SELECT count(*) FROM proposals WHERE state = 'waiting'), (SELECT count(*) FROM staff WHERE ended = 0),
		(SELECT count(*) FROM credentials), (SELECT count(*) FROM credentials WHERE revoked = 0))`).Scan(&left))
	return left
}

// tried has somebody try something: either it is done, or it is refused as one of some kinds of
// problem and leaves no trace.
func (r *realm) tried(what, by string, may bool, try func() api.Kind, refusals ...api.Kind) {
	r.Helper()
	before := r.traces()
	got := try()
	after := r.traces()
	refused := false
	for _, kind := range refusals {
		refused = refused || got == kind
	}
	switch {
	case may && (got != "" || before == after):
		r.Errorf("%s, who may, tries to %s: %q, and in the books %s -> %s", by, what, got, before, after)
	case !may && !refused:
		r.Errorf("%s, who may not, tries to %s: %q, want one of %q", by, what, got, refusals)
	case !may && before != after:
		r.Errorf("%s, who may not, tries to %s: in the books %s -> %s", by, what, before, after)
	}
}

// drafted is a request that nobody has made before, and its hash.
func (r *realm) drafted(act string, about people.Unit) (kind string, body json.RawMessage, hash [32]byte) {
	r.Helper()
	rule, _ := r.office.People.Policy.Rule(act)
	if kind = rule.Kind; kind == "" {
		kind = act
	}
	r.things++
	body, err := proposal.Body(thing{fmt.Sprintf("thing %d", r.things), about})
	r.must(err)
	v, err := r.office.Draft(r.Context(), kind, body, "because")
	r.must(err)
	return kind, body, v.Hash
}

// propose has somebody propose an act.
func (r *realm) propose(id, act string, about people.Unit) (v api.View, kind api.Kind) {
	r.Helper()
	name, body, hash := r.drafted(act, about)
	signed := r.sign(id, r.statement(id, proposal.ActPropose, proposal.StatementOfKind(name, hash), "because"))
	kind, answer := send(r, "/v1/proposals", api.Proposing{Kind: name, Request: body, Reason: "because", Signed: signed})
	if kind == "" {
		r.must(json.Unmarshal(answer, &v))
	}
	return v, kind
}

// decide has somebody approve, reject or withdraw a proposal.
func (r *realm) decide(id, how, act string, v *api.View) api.Kind {
	r.Helper()
	signed := r.sign(id, r.statement(id, act, v.What, "because"))
	path := fmt.Sprintf("/v1/proposals/%d/%s", v.Number, how)
	if how == "approve" {
		kind, _ := send(r, path, api.Approving{Hash: v.Hash, Signed: signed})
		return kind
	}
	kind, _ := send(r, path, api.Deciding{Reason: "because", Signed: signed})
	return kind
}
