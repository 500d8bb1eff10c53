package api

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"citycard/clearing/dayclose"
	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// Program is what the acts of the program need that this package does not have. They take nobody's
// signature, and are asked for at the socket alone: who can open it can read the data directory,
// and run the program that does them.
type Program struct {
	// InEarnest refuses to enrol people of a demonstration.
	InEarnest bool
	// SealKey reads the key that signs sealed days.
	SealKey func() (ed25519.PrivateKey, error)
	// PermitKey reads the key that signs what may be written on cards; nil: there is none.
	PermitKey func() (ed25519.PrivateKey, error)
	// Judge judges the records of which two people have decided it, and passes on each outcome.
	Judge func(ctx context.Context, dry bool, each func(Judged)) error
	// Seal seals a day.
	Seal func(ctx context.Context, day ledger.Day, dry bool) (Sealed, error)
	// Close closes a day. While it waits for streams it gives up once attended ends; after that it
	// goes on to its end.
	Close func(ctx, attended context.Context, what Closing, waits func(Waiting)) (Closed, error)
	// Preview says what a close would wait for and do.
	Preview func(ctx context.Context, what Closing) (Preview, error)
	// Standing is the request that the close does not wait for those of the named streams that are
	// behind.
	Standing func(ctx context.Context, what Closing, named []string) (dayclose.WithoutRequest, error)
}

// Refounding asks for the tokens of the first keepers.
type Refounding struct {
	Demo   bool   `json:"demo,omitempty" doc:"The people are those of a demonstration"`
	Sealed bool   `json:"sealed,omitempty" doc:"The keepers' keys are lost: the seal key signs it"`
	Reason string `json:"reason,omitempty" maxLength:"1024" doc:"Why, with sealed"`
}

// Tokens are those of a founding.
type Tokens struct {
	Keepers []string  `json:"keepers,omitempty" doc:"One for each of two people; none of a dry run"`
	Expires time.Time `json:"expires"`
}

// Judged is a record that was judged again.
type Judged struct {
	Record  string `json:"record"`
	Verdict string `json:"verdict,omitempty"`
	Stays   bool   `json:"stays,omitempty"` // it failed once more
	Why     Said   `json:"why,omitzero"`    // it stays
	Of      int    `json:"of"`              // how many are judged
}

// OneDay names a day.
type OneDay struct {
	Day ledger.Day `json:"day"`
}

// Sealed is a day that was sealed.
type Sealed struct {
	Day     ledger.Day `json:"day"`
	Streams int        `json:"streams"`
	Root    string     `json:"root"`   // in hexadecimal digits
	Signer  string     `json:"signer"` // the same
}

// Closing asks for the close of a day.
type Closing struct {
	Day   ledger.Day    `json:"day,omitempty" doc:"The named day, over or not; 0: the oldest that is over"`
	Grace time.Duration `json:"grace" minimum:"0" doc:"How long after midnight what arrives still counts, in nanoseconds"`
}

// Asking asks not to wait for streams that stand.
type Asking struct {
	Closing
	Streams []string `json:"streams" minItems:"1" maxItems:"1000" doc:"Topics, or streams TOPIC/PARTITION"`
}

// Waiting is how far the streams are for which a close waits.
type Waiting struct {
	Done   int64               `json:"done"`
	Total  int64               `json:"total"`
	Behind []dayclose.Standing `json:"behind"`
}

// Due is when operators' money is due, or why that is not known.
type Due struct {
	Day     ledger.Day `json:"day,omitempty"`
	Unknown Said       `json:"unknown,omitzero"`
}

// Unpaid is what a close leaves unpaid.
type Unpaid struct {
	Account string         `json:"account"`
	Fen     ledger.Fen     `json:"fen"`
	Held    *dayclose.Held `json:"held,omitempty"`
	Why     Said           `json:"why,omitzero"`
}

// Closed is a day that was closed.
type Closed struct {
	Day         ledger.Day          `json:"day"`
	Files       string              `json:"files"` // the folder
	Due         Due                 `json:"due"`
	Unpaid      []Unpaid            `json:"unpaid,omitempty"`
	Without     []dayclose.Standing `json:"without,omitempty"`
	Quarantined int                 `json:"quarantined"`
	Uncounted   Said                `json:"uncounted,omitzero"` // why that is not known
	Findings    int                 `json:"findings"`
}

// Preview is what a close would do, as the books are.
type Preview struct {
	Day      ledger.Day          `json:"day"`
	State    ledger.DayState     `json:"state"`
	Next     ledger.Day          `json:"next"`
	Behind   []dayclose.Standing `json:"behind,omitempty"`
	Excluded []string            `json:"excluded,omitempty"` // streams for which it does not wait
	Payments []Payment           `json:"payments,omitempty"`
	Due      Due                 `json:"due"`
	Unpaid   []Unpaid            `json:"unpaid,omitempty"`
}

// Payment is a transfer between two accounts.
type Payment struct {
	Debit  string     `json:"debit"`
	Credit string     `json:"credit"`
	Fen    ledger.Fen `json:"fen"`
}

// registerOfProgram registers an act of the program. It is not in the API's document: over a
// network there is none.
func registerOfProgram[I, O any](s *Server, id, path, summary string, do func(context.Context, *I) (*O, error)) {
	op := act(id, path, summary, "", bodyLimit)
	op.Hidden = true
	s.local[op.Method+" "+op.Path] = true
	huma.Register(s.api, op, do)
}

func (s *Server) registerProgram() {
	registerOfProgram(s, "refound", "/v1/program/founding", "Make tokens for the first keepers", s.refound)
	registerOfProgram(s, "judge", "/v1/program/judge", "Judge records again", func(ctx context.Context, in *struct {
		DryRun
		Body struct{}
	},
	) (*huma.StreamResponse, error) {
		return s.stream(ctx, nameOf("judge", in.Dry, in.Body), func(ctx, _ context.Context, say func(Line)) error {
			return s.s.Program.Judge(ctx, in.Dry, func(j Judged) { say(Line{Judged: &j}) })
		})
	})
	registerOfProgram(s, "seal", "/v1/program/seal", "Seal a day", func(ctx context.Context, in *struct {
		DryRun
		Body OneDay
	},
	) (*huma.StreamResponse, error) {
		return s.stream(ctx, nameOf("seal", in.Dry, in.Body), func(ctx, _ context.Context, say func(Line)) error {
			sealed, err := s.s.Program.Seal(ctx, in.Body.Day, in.Dry)
			if err == nil {
				say(Line{Sealed: &sealed})
			}
			return err
		})
	})
	registerOfProgram(s, "close", "/v1/program/close", "Close a day", s.closeDay)
	registerOfProgram(s, "standing", "/v1/program/standing", "Which streams stand", func(ctx context.Context, in *struct{ Body Asking }) (*answer[dayclose.WithoutRequest], error) {
		request, err := s.s.Program.Standing(ctx, in.Body.Closing, in.Body.Streams)
		return answered(ctx, s, request, err)
	})
}

func (s *Server) closeDay(ctx context.Context, in *struct {
	DryRun
	Body Closing
},
) (*huma.StreamResponse, error) {
	return s.stream(ctx, nameOf("close", in.Dry, in.Body), func(ctx, attended context.Context, say func(Line)) error {
		if in.Dry {
			preview, err := s.s.Program.Preview(ctx, in.Body)
			if err == nil {
				say(Line{Preview: &preview})
			}
			return err
		}
		closed, err := s.s.Program.Close(ctx, attended, in.Body, func(w Waiting) { say(Line{Waiting: &w}) })
		if err == nil {
			say(Line{Closed: &closed})
		}
		return err
	})
}

// nameOf is the name of a work: what is asked for.
func nameOf[T any](act string, dry bool, what T) string {
	text, _ := json.Marshal(what) // a body that came as JSON
	return act + rehearsed(dry) + " " + string(text)
}

func (s *Server) refound(ctx context.Context, in *struct {
	DryRun
	Body Refounding
},
) (*answer[Tokens], error) {
	if in.Body.Demo && s.s.Program.InEarnest {
		return nil, s.problem(ctx, &Explained{Kind: Refused, What: people.ErrDemonstration, Todo: language.Textf("found people without --demo; for a trial start citycard serve with --demo")})
	}
	store := s.office(in.Dry).People
	made, err := func() (people.Tokens, error) {
		if !in.Body.Sealed {
			return store.Found(ctx, rand.Reader, in.Body.Demo)
		}
		key, err := s.s.Program.SealKey()
		if err != nil {
			return people.Tokens{}, err
		}
		return store.FoundAgain(ctx, rand.Reader, key, in.Body.Reason, s.s.Now())
	}()
	tokens := Tokens{Expires: made.Expires.UTC()}
	if !in.Dry {
		tokens.Keepers = made.Keepers[:]
	}
	return answered(ctx, s, tokens, err)
}

// Refound asks for tokens with which the first keepers enrol.
func (c *Client) Refound(ctx context.Context, what Refounding, dry bool) (Tokens, error) {
	body, err := encode(what)
	if err != nil {
		return Tokens{}, err
	}
	return ask[Tokens](ctx, c, call{method: http.MethodPost, path: "/v1/program/founding" + rehearsed(dry), body: body, once: true})
}

// Judge has records judged again, and passes each outcome on.
func (c *Client) Judge(ctx context.Context, dry bool, each func(*Judged) error) error {
	return c.lines(ctx, "/v1/program/judge"+rehearsed(dry), []byte("{}"), func(l *Line) error {
		if l.Judged == nil {
			return nil
		}
		return each(l.Judged)
	})
}

// Seal has a day sealed.
func (c *Client) Seal(ctx context.Context, day ledger.Day, dry bool) (sealed Sealed, err error) {
	body, err := encode(OneDay{day})
	if err != nil {
		return sealed, err
	}
	err = c.lines(ctx, "/v1/program/seal"+rehearsed(dry), body, func(l *Line) error {
		if l.Sealed != nil {
			sealed = *l.Sealed
		}
		return nil
	})
	return sealed, err
}

// CloseDay has a day closed.
func (c *Client) CloseDay(ctx context.Context, what Closing, waits func(*Waiting)) (closed Closed, err error) {
	body, err := encode(what)
	if err != nil {
		return closed, err
	}
	err = c.lines(ctx, "/v1/program/close", body, func(l *Line) error {
		switch {
		case l.Waiting != nil:
			waits(l.Waiting)
		case l.Closed != nil:
			closed = *l.Closed
		}
		return nil
	})
	return closed, err
}

// PreviewClose asks what a close would do.
func (c *Client) PreviewClose(ctx context.Context, what Closing) (preview Preview, err error) {
	body, err := encode(what)
	if err != nil {
		return preview, err
	}
	err = c.lines(ctx, "/v1/program/close"+rehearsed(true), body, func(l *Line) error {
		if l.Preview != nil {
			preview = *l.Preview
		}
		return nil
	})
	return preview, err
}

// Standing asks which of the named streams a close would wait for.
func (c *Client) Standing(ctx context.Context, what Closing, named []string) (dayclose.WithoutRequest, error) {
	body, err := encode(Asking{what, named})
	if err != nil {
		return dayclose.WithoutRequest{}, err
	}
	return ask[dayclose.WithoutRequest](ctx, c, call{method: http.MethodPost, path: "/v1/program/standing", body: body, looks: true})
}

// lines asks for a long act, and passes on the lines of its answer.
func (c *Client) lines(ctx context.Context, path string, body []byte, each func(*Line) error) error {
	what := call{method: http.MethodPost, path: path, body: body, once: true}
	request, err := c.request(ctx, what)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.broken(ctx, &what, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		p := new(Problem)
		if err := json.NewDecoder(response.Body).Decode(p); err == nil && p.Type != "" {
			return p
		}
		return c.unanswered(&what, noneOfOurs(response.StatusCode))
	}
	for in := json.NewDecoder(response.Body); ; {
		var line Line
		if err := in.Decode(&line); err != nil {
			return c.broken(ctx, &what, err)
		}
		if line.Problem != nil {
			return line.Problem
		}
		if line.Done {
			return nil
		}
		if err := each(&line); err != nil {
			return err
		}
	}
}

// broken is the error of a connection that has broken off. Who was interrupted knows why.
func (c *Client) broken(ctx context.Context, what *call, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if p, ok := errors.AsType[*Problem](c.unanswered(what, err)); ok && p.Type != UnknownOutcome {
		return p
	}
	return newProblem(c.language, UnknownOutcome, language.Textf("the connection to citycard serve has broken off"), language.Textf("repeat the command: it goes on, or says what became of it"))
}
