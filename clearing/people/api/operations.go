package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
)

func problemType() reflect.Type { return reflect.TypeFor[Problem]() }

// answer is an operation's answer.
type answer[T any] struct{ Body T }

// DryRun is what an act has.
type DryRun struct {
	Dry bool `query:"dry_run" doc:"Do it, and roll it back"`
}

// Numbered names a proposal.
type Numbered struct {
	Number int64 `path:"number" minimum:"1" doc:"Number of the proposal"`
}

func (s *Server) register() {
	s.registerLooks()
	s.registerActs()
	s.registerPersons()
	s.registerCards()
	s.registerStock()
	s.registerLoads()
	s.registerOwed()
	s.registerInvoices()
	s.documented = maps.Clone(s.api.OpenAPI().Components.Schemas.Map())
	s.registerProgram()
}

// look is an operation that changes nothing.
func look(id, method, path, tag, summary, description string, limit int64) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Tags: []string{tag}, Summary: summary, Description: description,
		Security: []map[string][]string{{}, {scheme: {}}}, MaxBodyBytes: limit, BodyReadTimeout: noTimeout,
	}
}

// act is an operation that changes the books.
func act(id, path, summary, description string, limit int64) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodPost, Path: path, Tags: []string{"proposals"}, Summary: summary, Description: description,
		Security: []map[string][]string{{}}, MaxBodyBytes: limit, BodyReadTimeout: noTimeout,
	}
}

func (s *Server) registerLooks() {
	huma.Register(s.api, huma.Operation{
		OperationID: "books", Method: http.MethodGet, Path: "/v1/books", Tags: []string{"people"}, Summary: "Which books these are",
		Description: "Identity of the books, version of the program, and the database's clock. Takes no signature: it is needed to make one.",
		Security:    []map[string][]string{{}},
	}, func(ctx context.Context, _ *struct{}) (*answer[Books], error) {
		b := Books{Version: s.s.Version}
		err := s.s.Office.Ledger.Look(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&b.Time) })
		if err == nil {
			b.Books, err = s.people().Books(ctx)
		}
		if err == nil {
			b.Zone, err = s.s.Zone(ctx)
		}
		return answered(ctx, s, b, err)
	})
	huma.Register(s.api, look("whoami", http.MethodGet, "/v1/whoami", "people", "Whose key it is", "The person who has or had a key.", bodyLimit),
		func(ctx context.Context, in *struct {
			Key string `query:"key" required:"true" maxLength:"64" doc:"Fingerprint of the key"`
		},
		) (*answer[Person], error) {
			p, inForce, err := s.people().ByKey(ctx, in.Key)
			if err == nil && !callerOf(ctx).sees(p.Unit) {
				err = people.Unknown(in.Key)
			}
			return answered(ctx, s, personOf(p, inForce), err)
		})
	huma.Register(s.api, look("draft", http.MethodPost, "/v1/proposals/draft", "proposals", "What a request would do",
		"Makes the change of a request, and says what is to be signed. No proposal is stored; content that is too large for one may be kept.", draftLimit), s.draft)
	huma.Register(s.api, look("list", http.MethodGet, "/v1/proposals", "proposals", "What waits, or was proposed", "Oldest first, in pages.", bodyLimit), s.list)
	huma.Register(s.api, look("show", http.MethodGet, "/v1/proposals/{number}", "proposals", "What a proposal would do, or did",
		"The change is the one that was proposed; of one that waits, stale says why it would be refused now.", bodyLimit),
		func(ctx context.Context, in *struct {
			Numbered
		},
		) (*answer[*View], error) {
			v, err := s.shown(ctx, in.Number)
			return s.view(ctx, v, err)
		})
}

func (s *Server) draft(ctx context.Context, in *struct {
	DryRun
	Body Asked
},
) (*answer[*View], error) {
	if c := callerOf(ctx); c.person != nil { // a kind may keep what it is sent
		if err := s.s.Office.MayAsk(*c.person, in.Body.Kind); err != nil {
			return nil, s.problem(ctx, err)
		}
	}
	request, left, err := s.office(in.Dry).Complete(ctx, in.Body.Kind, in.Body.Request)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	v, err := s.office(in.Dry).Draft(ctx, in.Body.Kind, request, in.Body.Reason)
	if c := callerOf(ctx); err == nil && c.person != nil {
		err = s.people().Policy.MayPropose(*c.person, v.Kind, v.Unit)
		c.alone(v)
	}
	a, err := s.view(ctx, v, err)
	if err == nil {
		a.Body.Said = said(callerOf(ctx).language, left)
	}
	return a, err
}

const pageSize = 100

var errEnough = errors.New("the page is full")

func (s *Server) list(ctx context.Context, in *struct {
	All   bool   `query:"all" doc:"Also what was decided or has expired"`
	Kind  string `query:"kind" maxLength:"64" doc:"Only of this kind"`
	Unit  string `query:"unit" maxLength:"64" doc:"Only about the money or rows of this unit"`
	After int64  `query:"after" minimum:"0" doc:"Only with a larger number"`
},
) (*answer[Page], error) {
	page := Page{Proposals: []Proposal{}}
	unit, some := callerOf(ctx).only(people.Unit(in.Unit))
	if !some {
		return answered(ctx, s, page, nil)
	}
	err := s.s.Office.List(ctx, proposal.Filter{All: in.All, Kind: in.Kind, Unit: unit, After: in.After}, func(p *proposal.Proposal) error {
		if len(page.Proposals) == pageSize {
			page.Next = page.Proposals[pageSize-1].Number
			return errEnough
		}
		page.Proposals = append(page.Proposals, proposalOf(p))
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return answered(ctx, s, page, err)
}

func (s *Server) registerActs() {
	huma.Register(s.api, act("propose", "/v1/proposals", "Propose", "Stores a proposal, whose hash was signed.", proposalLimit),
		func(ctx context.Context, in *struct {
			DryRun
			Body Proposing
		},
		) (*answer[*View], error) {
			by, err := s.believes(ctx, s.office(in.Dry).People, in.Body.Signed, proposal.ActPropose)
			if err != nil {
				return nil, err
			}
			if err := s.s.Office.MayAsk(by, in.Body.Kind); err != nil {
				return nil, s.problem(ctx, err)
			}
			v, err := s.office(in.Dry).Propose(ctx, in.Body.Kind, in.Body.Request, in.Body.Reason, proposal.Given(in.Body.Signed.chain()))
			if err == nil {
				caller{person: &by}.alone(v)
			}
			return s.view(ctx, v, err)
		})
	huma.Register(s.api, act("approve", "/v1/proposals/{number}/approve", "Approve",
		"Does what was proposed, if it would still do what was shown. May be repeated: nothing is done twice.", bodyLimit),
		func(ctx context.Context, in *struct {
			DryRun
			Numbered
			Body Approving
		},
		) (*answer[Outcome], error) {
			by, err := s.believes(ctx, s.office(in.Dry).People, in.Body.Signed, people.ActApprove)
			if err != nil {
				return nil, err
			}
			if err := s.visible(ctx, by, in.Number); err != nil {
				return nil, s.problem(ctx, err)
			}
			done, err := s.office(in.Dry).Approve(ctx, in.Number, in.Body.Hash, proposal.Given(in.Body.Signed.chain()))
			if err != nil {
				return nil, s.problem(ctx, err)
			}
			return &answer[Outcome]{Outcome{proposalOf(done.Proposal), done.Repeated, said(callerOf(ctx).language, done.Said)}}, nil
		})
	found := act("found", "/v1/keepers", "Become a keeper", "Enrols the first keepers, each with a token that was printed at the founding.", bodyLimit)
	found.Tags = []string{"people"}
	huma.Register(s.api, found, s.found)
	s.registerCredentials()
	s.registerDecision("reject", proposal.ActReject, "Reject", "Decides that a proposal is not done.", (*proposal.Office).Reject)
	s.registerDecision("withdraw", proposal.ActWithdraw, "Withdraw", "Takes back what the signer has proposed.", (*proposal.Office).Withdraw)
}

func (s *Server) registerDecision(id, name, summary, description string, decide func(*proposal.Office, context.Context, int64, string, proposal.Sign) (*proposal.Proposal, error)) {
	huma.Register(s.api, act(id, "/v1/proposals/{number}/"+id, summary, description, bodyLimit), func(ctx context.Context, in *struct {
		DryRun
		Numbered
		Body Deciding
	},
	) (*answer[Outcome], error) {
		by, err := s.believes(ctx, s.office(in.Dry).People, in.Body.Signed, name)
		if err != nil {
			return nil, err
		}
		if err := s.visible(ctx, by, in.Number); err != nil {
			return nil, s.problem(ctx, err)
		}
		p, err := decide(s.office(in.Dry), ctx, in.Number, in.Body.Reason, proposal.Given(in.Body.Signed.chain()))
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &answer[Outcome]{Outcome{Proposal: proposalOf(p)}}, nil
	})
}

// found enrols a keeper. It is an act of one signature.
func (s *Server) found(ctx context.Context, in *struct {
	DryRun
	Body Founding
},
) (*answer[Person], error) {
	if err := s.count(ctx, in.Body.Signed.Key); err != nil {
		return nil, err
	}
	key, err := people.ParsePublicKey(in.Body.Public)
	if err == nil {
		_, err = people.Verify(in.Body.Signed.chain(), key)
	}
	if err == nil {
		n := people.Newcomer{Token: in.Body.Token, ID: in.Body.ID, Name: in.Body.Name, InEarnest: s.s.Program.InEarnest}
		err = s.office(in.Dry).People.EnrolKeeper(ctx, n, key, in.Body.Signed.chain())
	}
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	p := people.Person{ID: in.Body.ID, Name: in.Body.Name, Unit: people.Issuer, Role: people.Keeper, Revision: 1, Since: s.s.Now(), Key: key}
	if in.Dry {
		return &answer[Person]{personOf(p, true)}, nil
	}
	if found, inForce, err := s.people().ByKey(ctx, key.Fingerprint()); err == nil {
		return &answer[Person]{personOf(found, inForce)}, nil
	}
	return &answer[Person]{personOf(p, true)}, nil // the keeper is enrolled, whatever can be read
}

// answered is an answer, or the problem that an error is.
func answered[T any](ctx context.Context, s *Server, body T, err error) (*answer[T], error) {
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	return &answer[T]{body}, nil
}

func (s *Server) view(ctx context.Context, v *proposal.View, err error) (*answer[*View], error) {
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	return &answer[*View]{viewOf(callerOf(ctx).language, v)}, nil
}
