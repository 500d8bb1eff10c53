package demostaff

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/pem"
	"io"
	"path/filepath"
	"time"

	"golang.org/x/crypto/ssh"

	"citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/clearing/people/proposal"
	"citycard/cmd/server"
	"citycard/durable"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// The ids of the people. Two keepers decide about people and the seal key, two supervisors about
// money.
const (
	Kim = "kim"
	Lee = "lee"
	Ann = "ann"
	Bob = "bob"
)

// IDs are those of all of them.
func IDs() []string { return []string{Kim, Lee, Ann, Bob} }

// KeyFile is somebody's key in the folder; KeyFile.pub is its public half.
func KeyFile(folder, id string) string { return filepath.Join(folder, id+".key") }

// Keys are the keys of the people, by id.
type Keys map[string]*people.Identity

// Enrol enrols the people in books that have none, through the API at a socket, and writes their
// keys into a folder.
func Enrol(ctx context.Context, client *api.Client, folder string) (Keys, error) {
	tokens, err := client.Refound(ctx, api.Refounding{Demo: true}, false)
	if err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(folder); err != nil {
		return nil, err
	}
	keys := Keys{}
	for _, id := range IDs() {
		if keys[id], err = makeKey(KeyFile(folder, id), id); err != nil {
			return nil, err
		}
	}
	client.Knows(proposal.StaffEntries())
	for i, id := range []string{Kim, Lee} {
		client.As(keys[id], time.Now)
		if _, err := client.Found(ctx, people.Newcomer{Token: tokens.Keepers[i], ID: id, Name: reason}, false); err != nil {
			return nil, err
		}
	}
	for _, id := range []string{Ann, Bob} {
		if err := keys.enrol(ctx, client, id); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

const reason = "demonstration"

// enrol has the keepers enrol a supervisor.
func (k Keys) enrol(ctx context.Context, client *api.Client, id string) error {
	body, err := proposal.Body(people.Enrolment{ID: id, Name: reason, Unit: people.Issuer, Role: people.Supervisor, Key: k[id].Public().String()})
	if err != nil {
		return err
	}
	client.As(k[Kim], time.Now)
	draft, err := client.Draft(ctx, people.ActEnrol, body, reason, false, false)
	if err != nil {
		return err
	}
	view, err := client.Propose(ctx, draft, false)
	if err != nil {
		return err
	}
	client.As(k[Lee], time.Now)
	_, err = client.Approve(ctx, view.Number, view.Hash, view.Reason, false)
	return err
}

// Staff are the people of one ledger's books.
type Staff struct {
	office *proposal.Office
	books  string
	keys   Keys
}

// New are the people with these keys, who act in this process.
func New(ctx context.Context, l *ledger.Ledger, keys Keys) (*Staff, error) {
	office, err := server.Proposals(l)
	if err != nil {
		return nil, err
	}
	books, err := office.People.Books(ctx)
	return &Staff{office, books, keys}, err
}

// makeKey makes a key under no passphrase, in new files.
func makeKey(path, id string) (*people.Identity, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, id)
	if err != nil {
		return nil, err
	}
	identity, err := people.FromKey(private)
	if err != nil {
		return nil, err
	}
	for _, file := range []struct{ path, text string }{{path, string(pem.EncodeToMemory(block))}, {path + ".pub", identity.Public().String() + " " + id + "\n"}} {
		err := durable.WriteNew(file.path, func(w io.Writer) error {
			_, err := io.WriteString(w, file.text)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return identity, nil
}

// Enrol has the keepers enrol one more person, and writes the key into a folder.
func (s *Staff) Enrol(ctx context.Context, folder string, e people.Enrolment) error {
	key, err := makeKey(KeyFile(folder, e.ID), e.ID)
	if err != nil {
		return err
	}
	e.Name, e.Key = reason, key.Public().String()
	s.keys[e.ID] = key
	return Two(ctx, s, Kim, Lee, people.ActEnrol, e, reason)
}

func (s *Staff) signer(id string) proposal.Sign {
	return func(statement people.Statement) (chain.Signature, error) {
		statement.Books, statement.Person, statement.At = s.books, id, time.Now()
		return people.Sign(s.keys[id], statement)
	}
}

// Alone is somebody's approval of an act that takes one person.
func (s *Staff) Alone(ctx context.Context, id, act, what, reason string) (ledger.Approval, error) {
	sig, err := s.signer(id)(people.Statement{Act: act, What: what, Reason: reason})
	if err != nil {
		return ledger.Approval{}, err
	}
	return s.office.People.Signed(ctx, sig, act)
}

// Two does an act of two people: first proposes it, second approves it.
func Two[T any](ctx context.Context, s *Staff, first, second, kind string, request T, reason string) error {
	body, err := proposal.Body(request)
	if err != nil {
		return err
	}
	view, err := s.office.Propose(ctx, kind, body, reason, s.signer(first))
	if err != nil {
		return err
	}
	_, err = s.office.Approve(ctx, view.Number, hex.EncodeToString(view.Hash[:]), s.signer(second))
	return err
}
