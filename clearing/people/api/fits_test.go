package api_test

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/language"
)

// TestLies has a server that shows another change than its request does, under the right hash: the
// client shows nothing that could be signed. Nor does it of a kind that it does not know.
func TestLies(t *testing.T) {
	enrols := func(id string, role people.Role) (json.RawMessage, *proposal.Change) {
		e := people.Enrolment{ID: id, Name: "Name", Unit: people.Issuer, Role: role, Key: peopletest.Key(t, "max").Public().String()}
		body, err := proposal.Body(e)
		if err != nil {
			t.Fatal(err)
		}
		row := proposal.RowOf("person", id, "").Alters("name", "", e.Name).Alters("unit", "", "issuer").Alters("role", "", string(role)).Alters("key", "", e.Key)
		return body, &proposal.Change{Unit: people.Issuer, Rows: []proposal.Row{row}}
	}
	var shown api.View
	answer := func(w http.ResponseWriter, _ *http.Request) {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(shown)
	}
	dir := t.TempDir()
	listener, err := api.ListenSocket(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(answer), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	body, honest := enrols("mallory", people.Keeper)
	_, lie := enrols("harmless", people.Auditor)
	for _, test := range []struct {
		change *proposal.Change
		kinds  []proposal.Entry
		want   string
	}{
		{honest, proposal.StaffEntries(), ""},
		{lie, proposal.StaffEntries(), "shows something else than what is asked for"},
		{honest, []proposal.Entry{chart.LimitEntry()}, "does not know the kind"},
		{honest, nil, "does not know the kind"},
	} {
		hash, err := proposal.HashOf(people.ActEnrol, body, test.change)
		if err != nil {
			t.Fatal(err)
		}
		shown = api.View{Proposal: api.Proposal{Kind: people.ActEnrol, Reason: "new", Hash: hex.EncodeToString(hash[:])}, Request: body, Change: test.change}
		c := api.AtSocket(api.SocketPath(dir), language.Language{})
		c.Knows(test.kinds)
		_, drafted := c.Draft(t.Context(), people.ActEnrol, body, "new", false, true)
		_, asked := c.Show(t.Context(), 1)
		for _, err := range []error{drafted, asked} {
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		}
		c.Close()
	}
}
