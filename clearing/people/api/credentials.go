package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/registry"
	"citycard/language"
	"citycard/ledger"
)

// Issuing lets a unit's system in.
type Issuing struct {
	Unit   people.Unit `json:"unit" minLength:"1" maxLength:"64" doc:"Whose system it is, as the registry has it: channel:counter"`
	Kind   access.Kind `json:"kind" enum:"token,certificate"`
	Hash   string      `json:"hash" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of the token's text, or of the certificate (DER), in hexadecimal digits"`
	Days   int         `json:"days" minimum:"1" maximum:"100000" doc:"After how many days it ends"`
	Signed Signature   `json:"signed" doc:"Statement of the act \"issue access\": its what is \"KIND sha256:HASH of UNIT for N days\""`
}

// Revoking shuts a unit's system out.
type Revoking struct {
	Signed Signature `json:"signed" doc:"Statement of the act \"revoke access\": its what is \"credential NUMBER\""`
}

// Credential is something by which a unit's system proves itself.
type Credential struct {
	Number  int64       `json:"number"`
	Unit    people.Unit `json:"unit"`
	Kind    access.Kind `json:"kind"`
	Hash    string      `json:"hash" doc:"SHA-256, in hexadecimal digits"`
	Person  string      `json:"person" doc:"Who issued it"`
	Issued  time.Time   `json:"issued"`
	Expires time.Time   `json:"expires"`
	Revoked *time.Time  `json:"revoked,omitempty"`
	Again   bool        `json:"again,omitempty" doc:"It was revoked before; nothing is changed"`
}

// Access is the credential in the type of its package. A hash that is not one is left out.
func (c *Credential) Access() access.Credential {
	hash, _ := hashOf(c.Hash)
	out := access.Credential{Number: c.Number, Unit: c.Unit, Kind: c.Kind, Hash: hash, Person: c.Person, Issued: c.Issued, Expires: c.Expires}
	if c.Revoked != nil {
		out.Revoked = *c.Revoked
	}
	return out
}

func credentialOf(c *access.Credential, again bool) Credential {
	out := Credential{c.Number, c.Unit, c.Kind, c.Hash.String(), c.Person, c.Issued.UTC(), c.Expires.UTC(), nil, again}
	if !c.Revoked.IsZero() {
		revoked := c.Revoked.UTC()
		out.Revoked = &revoked
	}
	return out
}

func (s *Server) registerCredentials() {
	issue := act("issue", "/v1/credentials", "Let a unit's system in",
		"Issues a credential. Its token is made by who asks, and never sent. The same signed request may be repeated.", bodyLimit)
	issue.Tags = []string{"access"}
	huma.Register(s.api, issue, s.issue)
	revoke := act("revoke", "/v1/credentials/{number}/revoke", "Shut a credential out", "At once and for good. May be repeated.", bodyLimit)
	revoke.Tags = []string{"access"}
	huma.Register(s.api, revoke, s.revoke)
}

func (s *Server) issue(ctx context.Context, in *struct {
	DryRun
	Body Issuing
},
) (*answer[Credential], error) {
	office := s.office(in.Dry)
	by, err := s.alone(ctx, office.People, in.Body.Signed, access.ActIssue)
	if err != nil {
		return nil, err
	}
	order := access.Order{Unit: in.Body.Unit, Kind: in.Body.Kind, Days: in.Body.Days}
	hash, err := hashOf(in.Body.Hash)
	if order.Hash = hash; err == nil {
		_, err = access.ParseUnit(string(order.Unit))
	}
	if err == nil {
		err = registered(ctx, office.Ledger, order.Unit)
	}
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	c, err := (&access.Store{Ledger: office.Ledger}).Issue(ctx, order, by)
	return answered(ctx, s, credentialOf(&c, false), err)
}

func (s *Server) revoke(ctx context.Context, in *struct {
	DryRun
	Number int64 `path:"number" minimum:"1" doc:"Number of the credential"`
	Body   Revoking
},
) (*answer[Credential], error) {
	office := s.office(in.Dry)
	by, err := s.alone(ctx, office.People, in.Body.Signed, access.ActRevoke)
	if err != nil {
		return nil, err
	}
	c, again, err := (&access.Store{Ledger: office.Ledger}).Revoke(ctx, in.Number, by)
	return answered(ctx, s, credentialOf(&c, again), err)
}

// alone is the approval of an act that takes one person, by who signed it.
func (s *Server) alone(ctx context.Context, store *people.Store, signed Signature, act string) (by ledger.Approval, err error) {
	if _, err := s.believes(ctx, store, signed, act); err != nil {
		return by, err
	}
	if by, err = store.Signed(ctx, signed.chain(), act); err != nil {
		return by, s.problem(ctx, err)
	}
	return by, nil
}

// unregisteredError refuses a unit that the registry does not have: its credential would look
// valid, but would open nothing.
type unregisteredError struct {
	unit  people.Unit
	there []string
}

func (e *unregisteredError) Error() string { return fmt.Sprintf("%s is not registered", e.unit) }

func registered(ctx context.Context, books *ledger.Ledger, unit people.Unit) error {
	edition, err := registry.NewStore(books.Pool()).Load(ctx)
	if err != nil && !errors.Is(err, registry.ErrEmpty) {
		return err
	}
	refusal := &unregisteredError{unit: unit}
	if err == nil {
		for _, c := range edition.Channels() {
			of := access.Channel(c.ID)
			if of == unit {
				return nil
			}
			refusal.there = append(refusal.there, string(of))
		}
	}
	return refusal
}

// ofAccess knows the errors of package access.
func ofAccess(err error) (kind Kind, detail *language.Text, todo *language.Text) {
	if unregistered, ok := errors.AsType[*unregisteredError](err); ok {
		return Refused, language.Textf("%s is not registered", string(unregistered.unit)), language.Textf("registered are: %s", strings.Join(unregistered.there, ", "))
	}
	if taken, ok := errors.AsType[*access.TakenError](err); ok {
		return Refused, language.Textf("the certificate is credential %d already, of %s", taken.Number, string(taken.Unit)),
			language.Textf("let the unit make another certificate, or revoke that credential first where it is the unit's own")
	}
	if order, ok := errors.AsType[*access.OrderError](err); ok {
		return Refused, language.Textf("%w", order.What), language.Textf("correct what it names")
	}
	if errors.Is(err, access.ErrNone) {
		return NotFound, language.Textf("%w", err), language.Textf("citycard access list has them")
	}
	return "", nil, nil
}

// Issue signs that a unit's system is let in, and why.
func (c *Client) Issue(ctx context.Context, o access.Order, reason string, dry bool) (Credential, error) {
	signed, err := c.sign(ctx, access.ActIssue, o.What(), reason, dry)
	if err != nil {
		return Credential{}, err
	}
	body, err := encode(Issuing{o.Unit, o.Kind, o.Hash.String(), o.Days, signed})
	if err != nil {
		return Credential{}, err
	}
	return ask[Credential](ctx, c, call{method: http.MethodPost, path: "/v1/credentials" + rehearsed(dry), body: body})
}

// Revoke signs that a credential ends, and why.
func (c *Client) Revoke(ctx context.Context, number int64, reason string, dry bool) (Credential, error) {
	signed, err := c.sign(ctx, access.ActRevoke, (&access.Ended{Credential: number}).What(), reason, dry)
	if err != nil {
		return Credential{}, err
	}
	body, err := encode(Revoking{signed})
	if err != nil {
		return Credential{}, err
	}
	return ask[Credential](ctx, c, call{method: http.MethodPost, path: fmt.Sprintf("/v1/credentials/%d/revoke%s", number, rehearsed(dry)), body: body})
}
