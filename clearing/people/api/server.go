package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"citycard/clearing/cards"
	"citycard/clearing/owed"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/people/proposal"
	"citycard/clearing/persons"
	"citycard/language"
	"citycard/ledger"
)

// Settings are what a server is made with.
type Settings struct {
	Office *proposal.Office
	// Rehearsal is an office over the same books whose ledger rehearses, for dry_run=true.
	Rehearsal *proposal.Office
	Zone      func(context.Context) (string, error)
	// Persons are those in the database of a ledger, under the key store that the process has.
	Persons func(context.Context, *ledger.Ledger) (*persons.Store, error)
	// Cards is the room of cards over a ledger.
	Cards func(context.Context, *ledger.Ledger) (*cards.Office, error)
	// Owed is by what it is judged what is owed, in the books of a ledger.
	Owed func(context.Context, *ledger.Ledger) (owed.Figures, error)
	// Hosts says whether a host, as a URL names it, is this server over a network; nil: any is.
	Hosts   func(host string) bool
	Version string // of the program
	Now     func() time.Time
	Log     *slog.Logger
	// Program does what is asked for at the socket and takes nobody's signature.
	Program Program
	// Rate is how many requests a second one key, and over a network one address, may make, and as
	// many at once.
	Rate int
}

// Server is the server half of the API. Use New.
type Server struct {
	s      Settings
	mux    *http.ServeMux
	api    huma.API
	places *access.Rates[netip.Addr] // over a network
	keys   *access.Rates[keyAt]
	large  chan struct{} // one for each large body in memory
	// imports has one for the roster that is imported.
	imports  chan struct{}
	incoming incoming
	ending   context.Context
	stop     context.CancelCauseFunc

	operations map[string]operation // by pattern of mux
	local      map[string]bool      // patterns that there are at the socket alone
	documented map[string]*huma.Schema
	works      works
}

// keyAt is a key, as a request claims it. Who claims another's key uses up their own limit of it.
type keyAt struct {
	place netip.Addr
	key   string
}

// Limits of a request's body, in bytes. A proposal's request has a limit of its own.
const (
	bodyLimit     = 64 << 10
	proposalLimit = proposal.MaxBody + bodyLimit
	draftLimit    = proposal.MaxContent + bodyLimit
	bodyTimeout   = 10 * time.Second
	noTimeout     = -1 // bodies are read before an operation begins
	// actTimeout is how long an act may take until its answer is written.
	actTimeout = 10 * time.Minute
)

// Path is under which the API is.
const Path = "/v1/"

// LookHeader has the signed statement of a request over a network that only looks, or has a large
// body: JSON in base64.
const LookHeader = "Citycard-Signed"

const scheme = "statement"

// New makes the server.
func New(s Settings) *Server {
	ending, stop := context.WithCancelCause(context.Background())
	server := &Server{
		ending: ending, stop: stop, imports: make(chan struct{}, 1),
		s: s, mux: http.NewServeMux(),
		places: access.NewRates[netip.Addr](float64(s.Rate), s.Rate), keys: access.NewRates[keyAt](float64(s.Rate), s.Rate),
		large: make(chan struct{}, largeBodies), operations: map[string]operation{}, local: map[string]bool{}, works: works{log: s.Log},
	}
	config := huma.DefaultConfig("Citycard", "1")
	config.Info.Description = "The acts of people who run a city card, each signed by the key of who does it."
	config.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	config.Servers = []*huma.Server{{URL: "https://localhost:8480", Description: "citycard serve"}}
	config.Tags = []*huma.Tag{{Name: "people", Description: "who may act"}, {Name: "proposals", Description: "acts that take two people"}, {Name: "access", Description: "by what units' systems prove themselves"}, {Name: "persons", Description: "whom the city knows"}, {Name: "cards", Description: "what counters do with cards"}, {Name: "loads", Description: "what was paid for cards"}}
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.RejectUnknownQueryParameters = true
	config.Transformers = []huma.Transformer{inOurs}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{scheme: {
		Type: "apiKey", In: "header", Name: LookHeader,
		Description: "Over a network: a signed statement of the act \"look\" in JSON (key, statement, signature), in base64. Its person is the key's fingerprint, and its what the method, a blank, the server's host and port as the URL has them, path and query, and for a request with a body also \" sha256:\" and the body's hash in hexadecimal digits. An act carries its signature in its body; one whose body has 64 kB or more takes this header, too.",
	}}
	config.OnAddOperation = append(config.OnAddOperation, func(oapi *huma.OpenAPI, op *huma.Operation) {
		server.operations[op.Method+" "+op.Path] = operationOf(op)
		problem := oapi.Components.Schemas.Schema(problemType(), true, "Problem")
		op.Responses["default"] = &huma.Response{
			Description: "A problem", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}},
		}
	})
	server.api = humago.New(server.mux, config)
	server.register()
	for _, name := range []string{"ErrorModel", "ErrorDetail"} { // a Problem takes their place
		delete(server.api.OpenAPI().Components.Schemas.Map(), name)
	}
	server.mux.HandleFunc(Path, func(w http.ResponseWriter, r *http.Request) {
		newProblem(callerOf(r.Context()).language, NotFound, language.Textf("there is no %s %s", r.Method, r.URL.Path), nil).write(w)
	})
	return server
}

// Document is the OpenAPI document of the API, in YAML.
func Document() ([]byte, error) {
	s := New(Settings{})
	maps.DeleteFunc(s.api.OpenAPI().Components.Schemas.Map(), func(name string, _ *huma.Schema) bool {
		_, documented := s.documented[name]
		return !documented
	})
	return s.api.OpenAPI().YAML()
}

// caller is what is known of a request's sender.
type caller struct {
	language language.Language
	remote   bool
	place    netip.Addr
	host     string         // over a network: the server, as the client names it
	request  string         // as a statement of a look names it
	person   *people.Person // whose statement in the header is believed
}

type callerKey struct{}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// Local answers requests at a socket that only the owner of the data directory can open.
func (s *Server) Local() http.Handler { return s.handler(false) }

// Remote answers requests over a network.
func (s *Server) Remote() http.Handler { return s.handler(true) }

func (s *Server) handler(remote bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := caller{language: language.Accepted(r.Header.Get("Accept-Language")), remote: remote, request: r.Method + " " + r.URL.RequestURI()}
		if remote {
			c.place, c.host, c.request = access.PlaceOf(r.RemoteAddr), r.Host, r.Method+" "+r.Host+r.URL.RequestURI()
		}
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
		if _, pattern := s.mux.Handler(r); remote && s.local[pattern] {
			s.cut(w, newProblem(c.language, NotFound, language.Textf("there is no %s %s", r.Method, r.URL.Path), nil))
			return
		}
		if wait := s.wait(c); wait > 0 {
			s.cut(w, tooMany(c.language, wait, language.Textf("too many requests of this address")))
			return
		}
		leave, err := s.receive(w, r, &c)
		defer leave()
		if err != nil {
			s.cut(w, err)
			return
		}
		if r.Method != http.MethodGet {
			// An act may take longer than other answers of this listener.
			_ = http.NewResponseController(w).SetWriteDeadline(s.s.Now().Add(actTimeout)) // not every writer can
		}
		s.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

// Stop ends the long acts that run, and waits for their ends. Nothing long begins after it.
func (s *Server) Stop() {
	s.works.stop()
	s.stop(errStops)
}

// wait is how long an address must wait that has sent too many requests over a network.
func (s *Server) wait(c caller) time.Duration {
	if !c.remote {
		return 0
	}
	return s.places.Take(c.place, s.s.Now())
}

func seconds(wait time.Duration) string { return strconv.Itoa(int(math.Ceil(wait.Seconds()))) }

// cut answers a request that no operation gets, and ends its connection.
func (s *Server) cut(w http.ResponseWriter, err error) {
	w.Header().Set("Connection", "close")
	if more, ok := errors.AsType[huma.HeadersError](err); ok {
		for name, values := range more.GetHeaders() {
			w.Header()[name] = values
		}
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		p.write(w)
	}
}

func (p *Problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone; nobody else to tell
}

// problem is the answer for an error. What nobody expected is logged, too.
func (s *Server) problem(ctx context.Context, err error) *Problem {
	p := problemOf(callerOf(ctx).language, err)
	if p.Type == Failed {
		s.s.Log.Error("request failed", "request", callerOf(ctx).request, "error", err)
	}
	return p
}

// count counts a request of a key.
func (s *Server) count(ctx context.Context, key string) error {
	c := callerOf(ctx)
	if wait := s.keys.Take(keyAt{c.place, key}, s.s.Now()); wait > 0 {
		return tooMany(c.language, wait, language.Textf("too many requests of this key"))
	}
	return nil
}

// believes counts a request of an act, and says who has signed it. Without a signature that is
// believed nothing is read or said of what the act is about.
func (s *Server) believes(ctx context.Context, store *people.Store, signed Signature, act string) (people.Person, error) {
	if err := s.count(ctx, signed.Key); err != nil {
		return people.Person{}, err
	}
	p, err := store.Believes(ctx, signed.chain(), act)
	if err != nil {
		return people.Person{}, s.problem(ctx, err)
	}
	return p, nil
}

// tooMany refuses a request that may come again after a while.
func tooMany(l language.Language, wait time.Duration, detail *language.Text) error {
	return huma.ErrorWithHeaders(newProblem(l, TooMany, detail, nil), http.Header{"Retry-After": {seconds(wait)}})
}

// office is the one for an act, or the one that rolls everything back.
func (s *Server) office(dry bool) *proposal.Office {
	if dry {
		return s.s.Rehearsal
	}
	return s.s.Office
}

func (s *Server) people() *people.Store { return s.s.Office.People }
