package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/people/api"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/persons"
	"citycard/language"
)

// imports has somebody import rows, or try it, and undo what is in the way.
func (r *realm) imports(id, rows string, dry bool) api.Kind {
	r.Helper()
	client := api.AtSocket(api.SocketPath(r.dir), language.Language{})
	defer client.Close()
	client.As(peopletest.Key(r, id), time.Now)
	order := r.order(rows)
	order.Undo, order.Dry = true, dry
	if _, _, err := client.ImportPersons(r.Context(), order, unheard); err != nil {
		return r.kind(err)
	}
	return ""
}

// unfinished begins an import that does not end, if there is none.
func (r *realm) unfinished() {
	r.Helper()
	var begun int
	r.must(r.ledger.Pool().QueryRow(r.Context(), "SELECT count(*) FROM person_imports WHERE state = 'begun'").Scan(&begun))
	if begun > 0 {
		return
	}
	store, err := persons.NewStore(r.ledger, keys.GenerateTest(1).Held(), time.UTC)
	r.must(err)
	ctx, stop := context.WithCancel(r.Context())
	order := persons.Order{
		Charset: persons.UTF8, Part: 1, Person: "ann", At: time.Now(), Sign: r.staff.Signing(r, "ann", "monthly"),
		Faults: func(*persons.Reject) { stop() },
	}
	if _, err := store.Import(ctx, r.order("x\nx\n").Source, order); err == nil {
		r.Fatal("an import did not stop")
	}
}

// find asks for the person whom the realm knows.
func (r *realm) find(signed api.Signature) api.Kind {
	r.Helper()
	kind, _ := send(r, "/v1/persons/find", api.Finding{Number: number, Signed: signed})
	return kind
}

// importAct imports a person of a passport, with the signature in the body, or in the header alone.
func (r *realm) importAct(name, passport string, inBody bool) signedAct {
	r.Helper()
	const by = "clerk-pension"
	s := r.sending(persons.Header + "\npassport," + passport + ",ANN LEE,,present,20200101,\n")
	return signedAct{name, by, r.statement(by, persons.ActImport, s.headerOf, "monthly"), func(signed api.Signature) api.Kind {
		good := r.sign(by, r.statement(by, persons.ActImport, s.headerOf, "monthly"))
		if s.signedHeader, s.signedTail = &good, &signed; !inBody {
			s.signedHeader, s.signedTail = &signed, &good
		}
		_, p := r.answered(r.server.Local(), s.request(r.Context()))
		return p.Type
	}, true}
}

// seesImports has everybody look over a network at an import, at its lines that changed nothing,
// and at what is in the way of another.
func (r *realm) seesImports(row scopeRow) {
	r.Helper()
	var number int
	r.must(r.ledger.Pool().QueryRow(r.Context(), "SELECT max(number) FROM person_imports").Scan(&number))
	other := "/v1/persons/unfinished?encoding=utf-8&sha256=" + strings.Repeat("0", 64)
	for _, m := range r.members {
		may, before := row.may[m.ID] == 'l', r.traces()
		for _, path := range []string{fmt.Sprintf("/v1/persons/imports/%d", number), fmt.Sprintf("/v1/persons/imports/%d/rejects", number), other} {
			if kind, _ := r.look(m.ID, http.MethodGet, path, ""); (kind == "") != may || !may && kind != api.NotFound {
				r.Errorf("%s sees %s: %q, want it shown: %t", m.ID, path, kind, may)
			}
		}
		if after := r.traces(); before != after {
			r.Errorf("the looks of %s leave %s -> %s", m.ID, before, after)
		}
	}
}
