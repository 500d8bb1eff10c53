package api_test

import (
	"encoding/json"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/people/access"
	"citycard/clearing/people/api"
)

// TestCredentials lets a unit's system in over the API and shuts it out again, each time after what
// must be refused.
func TestCredentials(t *testing.T) {
	w := newTown(t, 1000)
	clearingtest.New(t, nil).Found(t, w.ledger.Pool())
	ann, cleo := w.socket("ann"), w.client("cleo")
	order := access.Order{Unit: access.Channel("counter"), Kind: access.Token, Hash: access.HashToken("a token"), Days: 3}

	_, err := cleo.Issue(t.Context(), order, "contract", false)
	if kind := w.kind(err); kind != api.Denied {
		t.Errorf("a clerk issues: %s", kind)
	}
	other := order
	other.Unit = access.Channel("tram")
	_, err = ann.Issue(t.Context(), other, "contract", false)
	if kind := w.kind(err); kind != api.Refused {
		t.Errorf("a unit that is not registered: %s", kind)
	}
	signed := w.staff.Sign(t, "ann", access.ActIssue, order.What(), "contract")
	longer, err := json.Marshal(api.Issuing{
		Unit: order.Unit, Kind: order.Kind, Hash: order.Hash.String(), Days: 300,
		Signed: api.Signature{Key: signed.Key, Statement: signed.Statement, Signature: signed.Signature},
	})
	w.must(err)
	if status, p := w.post(w.server.Local(), "/v1/credentials", string(longer), "Content-Type", "application/json"); p.Type != api.Refused {
		t.Errorf("300 days where 3 were signed: %d %+v", status, p)
	}
	_, err = ann.Issue(t.Context(), order, "contract", true)
	w.must(err)
	w.credentials(0, 0)

	issued, err := ann.Issue(t.Context(), order, "contract", false)
	w.must(err)
	w.credentials(1, 1)
	_, err = cleo.Revoke(t.Context(), issued.Number, "lost", false)
	if kind := w.kind(err); kind != api.Denied {
		t.Errorf("a clerk revokes: %s", kind)
	}
	_, err = ann.Revoke(t.Context(), 99, "lost", false)
	if kind := w.kind(err); kind != api.NotFound {
		t.Errorf("a credential that is not there: %s", kind)
	}
	_, err = ann.Revoke(t.Context(), issued.Number, "lost", true)
	w.must(err)
	w.credentials(1, 1)
	for _, again := range []bool{false, true} {
		revoked, err := ann.Revoke(t.Context(), issued.Number, "lost", false)
		w.must(err)
		if revoked.Revoked == nil || revoked.Again != again {
			t.Errorf("it is revoked: %+v, want again %t", revoked, again)
		}
	}
	w.credentials(1, 0)
}

// credentials compares how many credentials there are, and how many of them are not revoked.
func (w *town) credentials(want, open int) {
	w.Helper()
	all, err := (&access.Store{Ledger: w.ledger}).List(w.Context())
	w.must(err)
	in := 0
	for i := range all {
		if all[i].Revoked.IsZero() {
			in++
		}
	}
	if len(all) != want || in != open {
		w.Errorf("%d credentials, of which %d are not revoked, want %d and %d", len(all), in, want, open)
	}
}
