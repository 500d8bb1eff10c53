package keyservice_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/keyservice/keyservicetest"
	"citycard/cardos/personalisation"
	"citycard/language"
)

// certificate makes a certificate of its own signing, for 127.0.0.1.
func certificate(t testing.TB, name string, from, to time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func today(t testing.TB, name string) tls.Certificate {
	t.Helper()
	return certificate(t, name, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

// office is a key service over TLS, with its clients.
type office struct {
	testing.TB
	store   *keys.Store
	ring    *keys.Keyring
	service *keyservice.Server
	server  *httptest.Server
	dir     string // of its log of uses
	made    string // of its log of cards
	own     tls.Certificate
	all     tls.Certificate // of a client that may everything
	clients atomic.Pointer[keyservice.Clients]
	orders  atomic.Pointer[keyservice.Orders]
}

func newOffice(t testing.TB) *office {
	t.Helper()
	o := &office{TB: t, store: keys.GenerateTest(1), dir: t.TempDir(), made: t.TempDir(), own: today(t, "service"), all: today(t, "all")}
	o.ring = keys.NewKeyring(o.store)
	uses, _, err := keyservice.OpenUses(o.dir)
	o.must(err)
	made, _, err := keyservice.OpenMade(o.made)
	o.must(err)
	t.Cleanup(func() { o.must(errors.Join(uses.Close(), o.service.Made.Log().Close())) })
	backend := keyservice.Software{Keyring: o.ring}
	o.knows(o.line("all", o.all, 1e6, keyservice.Operations()...))
	o.ordered(keyservicetest.Orders("all", "0101491000000000"))
	o.service = &keyservice.Server{
		Backend: backend, Clients: o.clients.Load, Orders: o.orders.Load, Uses: uses, Made: made, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Done: func(keyservice.Operation, string) {},
	}
	o.server = serveTLS(t, o.service, o.own)
	return o
}

func serveTLS(t testing.TB, handler http.Handler, own tls.Certificate) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// line is a client in the clients' file.
func (o *office) line(name string, c tls.Certificate, rate float64, may ...keyservice.Operation) string {
	print := keyservice.FingerprintOf(c.Leaf)
	operations, err := json.Marshal(may)
	o.must(err)
	return fmt.Sprintf(`{"name":%q,"certificate":"%x","operations":%s,"rate":%g}`, name, print[:], operations, rate)
}

func (o *office) knows(lines ...string) {
	o.Helper()
	clients, err := keyservice.ParseClients([]byte(`{"clients":[` + strings.Join(lines, ",") + `],"centre":["` + keyservicetest.CentreKey() + `"]}`))
	o.must(err)
	o.clients.Store(clients)
}

// ordered takes an orders file into use.
func (o *office) ordered(text string) {
	o.Helper()
	orders, err := keyservice.ParseOrders([]byte(text))
	o.must(err)
	o.orders.Store(orders)
}

// asks is a client with a certificate.
func (o *office) asks(own tls.Certificate) *keyservice.Client {
	return clientOf(o, o.server.URL, own, o.own, 10*time.Second)
}

func clientOf(t testing.TB, url string, own, service tls.Certificate, patience time.Duration) *keyservice.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(service.Leaf)
	c, err := keyservice.NewClient(keyservice.Settings{
		URL: url, Patience: patience, TLS: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}, RootCAs: roots},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// order is a load that a card of the store asks for.
func order(store *keys.Store, number string, fen uint32) (o keys.LoadOrder, mac2 keys.MAC) {
	o = keys.LoadOrder{Number: number, Card: transit.Transit, Amount: fen, Type: 2, KeyVersion: store.Version(), OnlineSequence: 7}
	session := keys.LoadSession(store.CardKeys(o.Card).Load(), o.Random, 7)
	o.MAC1 = session.LoadMAC1(keys.LoadStart{OldBalance: 0, Amount: fen, Type: 2, Terminal: o.Terminal})
	return o, session.LoadMAC2(keys.Movement{Amount: fen, Type: 2, Terminal: o.Terminal, Time: o.Time})
}

// uses reads the whole log of uses.
func (o *office) uses() []keyservice.Use {
	o.Helper()
	return o.lines(o.dir)
}

func (o *office) lines(dir string) (all []keyservice.Use) {
	o.Helper()
	_, err := keyservice.CheckUses(dir, 0, "", func(u *keyservice.Use) { all = append(all, *u) })
	o.must(err)
	return all
}

// saysOf are the uses in words.
func saysOf(uses []keyservice.Use) (all []string) {
	for _, u := range uses {
		all = append(all, fmt.Sprintf("%d %s %s %s %d %s", u.Number, u.Client, u.Operation, u.Order, u.Amount, u.Outcome))
	}
	return all
}

// Each operation gives over TLS what the backend itself gives, and is one line in the log of uses.
func TestOperations(t *testing.T) {
	o := newOffice(t)
	c, backend := o.asks(o.all), keyservice.Software{Keyring: o.ring}
	asked, want := order(o.store, "order 1", 500)
	if mac2, err := c.AuthoriseLoad(t.Context(), asked); err != nil || mac2 != want {
		t.Errorf("MAC2 %x, %v", mac2, err)
	}
	wrong := asked
	wrong.MAC1[0] ^= 1
	if _, err := c.AuthoriseLoad(t.Context(), wrong); !errors.Is(err, keys.ErrMAC) {
		t.Errorf("a wrong MAC1: %v", err)
	}
	wrong = asked
	wrong.KeyVersion = 9
	if _, err := c.AuthoriseLoad(t.Context(), wrong); !errors.Is(err, keys.ErrKeyVersion) {
		t.Errorf("a version that is not held: %v", err)
	}
	command := keyservice.Command{Order: "order 2", Card: transit, KeyVersion: 1, Header: [4]byte{0x84, 0x24}, Data: []byte{0x12, 0x34}}
	secured, err := backend.Secure(t.Context(), command)
	o.must(err)
	if got, err := c.Secure(t.Context(), keyservicetest.Permitted(command, time.Now())); err != nil || !slices.Equal(got, secured) {
		t.Errorf("a command: %x, %v", got, err)
	}
	day := keyservice.Command{Order: "order 2", Card: transit, KeyVersion: 1, Header: [4]byte{0x04, 0xD6, 0x95, 24}, Data: []byte{0x20, 0x30, 0x12, 0x31}}
	secured, err = backend.Secure(t.Context(), day)
	o.must(err)
	if got, err := c.Secure(t.Context(), keyservicetest.Permitted(day, time.Now())); err != nil || !slices.Equal(got, secured) {
		t.Errorf("another last day: %x, %v", got, err)
	}
	for name, change := range map[string]func(*keyservice.Command){
		"the card type": func(c *keyservice.Command) { c.Header[3] = 9 }, "the holder": func(c *keyservice.Command) { c.Header[2] = 0x96 },
		"more than the day": func(c *keyservice.Command) { c.Data = make([]byte, 5) }, "a block": func(c *keyservice.Command) { c.Header, c.Data = [4]byte{0x84, 0x1E}, nil },
	} {
		other := day
		change(&other)
		if _, err := c.Secure(t.Context(), other); !errors.Is(err, keyservice.ErrCommand) {
			t.Errorf("%s: %v, want ErrCommand", name, err)
		}
	}
	for _, card := range []keyservice.Card{transit, social} {
		blank := keyservice.Blank{Order: "samples", Batch: personalisation.Samples, Card: card, Challenge: [8]byte{9}}
		issue, err := backend.Personalise(t.Context(), blank)
		o.must(err)
		got, err := c.Personalise(t.Context(), blank)
		if err != nil || got.Version != issue.Version || got.Answer != issue.Answer || !slices.Equal(got.Keys, issue.Keys) {
			t.Errorf("%s: %v", card.Kind, err)
		}
	}
	held, err := c.Held(t.Context())
	if err != nil || held.Fingerprint() != o.store.Held().Fingerprint() {
		t.Errorf("held: %v", err)
	}
	if again, err := c.Held(t.Context()); again != held || err != nil {
		t.Errorf("held again: another one, %v", err)
	}
	got := append(saysOf(o.uses()), saysOf(o.lines(o.made))...)
	want2 := []string{
		"1 all load order 1 500 given", "2 all load order 1 500 bad_mac", "3 all load order 1 500 key_version",
		"4 all pin order 2 0 given", "5 all file order 2 0 given",
		"6 all clearing  0 given", "1 all personalise samples 0 given", "2 all personalise samples 0 given",
	}
	if !slices.Equal(got, want2) {
		t.Errorf("the log of uses has\n%s", strings.Join(got, "\n"))
	}
}

// A service follows a rotation of its store, and clearing follows the service: a card of the new
// masters is loaded, and its TAC verifies where only the service has heard of it.
func TestRotationThroughTheService(t *testing.T) {
	o := newOffice(t)
	path := t.TempDir() + "/keys.age"
	o.must(o.store.WithWorkFactor(2).Save(path, "p"))
	ring, err := keys.OpenKeyring(path, "p", slog.New(slog.DiscardHandler))
	o.must(err)
	o.service.Backend = keyservice.Software{Keyring: ring}
	c := o.asks(o.all)
	clearing, err := keys.FollowTACs(t.Context(), c)
	o.must(err)
	rotated, err := o.store.Rotate(rand.Reader)
	o.must(err)
	o.must(rotated.WithWorkFactor(2).Save(path, "p"))
	tap := keys.PurchaseRecord{Card: transit.Transit, Amount: 5, Type: 9, KeyVersion: 2}
	tap.TAC = keys.PurchaseTAC(rotated.CardKeys(tap.Card).TAC(), keys.Purchase{Amount: 5, Type: 9})
	old := keys.PurchaseRecord{Card: transit.Transit, Amount: 5, Type: 9, KeyVersion: 1}
	old.TAC = keys.PurchaseTAC(o.store.CardKeys(tap.Card).TAC(), keys.Purchase{Amount: 5, Type: 9})
	ok := make([]bool, 2)
	if err := clearing.VerifyPurchases(t.Context(), []keys.PurchaseRecord{tap, old}, ok); err != nil || !ok[0] || !ok[1] {
		t.Errorf("taps of both generations: %v, %v", ok, err)
	}
	asked, want := order(rotated, "new", 100)
	if mac2, err := c.AuthoriseLoad(t.Context(), asked); err != nil || mac2 != want {
		t.Errorf("a load of a new card: %v", err)
	}
	issue, err := c.Personalise(t.Context(), keyservice.Blank{Order: "samples", Card: transit})
	if err != nil || issue.Version != 2 {
		t.Errorf("a card that is made now has keys of version %d, %v", issue.Version, err)
	}
	o.server.Close()
	tap.TAC[0] ^= 1
	if err := clearing.VerifyPurchases(t.Context(), []keys.PurchaseRecord{tap, old}, ok); !errors.Is(err, keys.ErrOutdated) || !errors.Is(err, keyservice.ErrAway) {
		t.Errorf("a wrong TAC while the service is away: %v, want that it waits", err)
	}
	if err := clearing.VerifyPurchases(t.Context(), []keys.PurchaseRecord{old}, ok[:1]); err != nil || !ok[0] {
		t.Errorf("a good tap while the service is away: %v", err)
	}
}

// A client that may not is refused in words, in both languages, and gets nothing.
func TestRefusedClients(t *testing.T) {
	o := newOffice(t)
	counter, rare := today(t, "counter"), today(t, "rare")
	yesterday := certificate(t, "yesterday", time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour))
	tomorrow := certificate(t, "tomorrow", time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour))
	o.knows(o.line("counter", counter, 1000, keyservice.Personalise, keyservice.PINs), o.line("rare", rare, 0.001, keyservice.Loads),
		o.line("yesterday", yesterday, 1, keyservice.Loads), o.line("tomorrow", tomorrow, 1, keyservice.Loads))
	asked, _ := order(o.store, "order 1", 500)
	load := func(c *keyservice.Client) error {
		mac2, err := c.AuthoriseLoad(t.Context(), asked)
		if err != nil && mac2 != (keys.MAC{}) {
			t.Error("a MAC2 with a refusal")
		}
		return err
	}
	rarely := o.asks(rare)
	o.must(load(rarely))
	for name, test := range map[string]struct {
		err              error
		kind             error
		english, chinese string
	}{
		"unknown":         {load(o.asks(today(t, "stranger"))), keyservice.ErrRefused, "our certificate is not in its clients' file", "客户端文件"},
		"yesterday":       {load(o.asks(yesterday)), keyservice.ErrRefused, "our certificate is out of date (yesterday: valid until", "有效期"},
		"tomorrow":        {load(o.asks(tomorrow)), keyservice.ErrRefused, "our certificate is out of date (tomorrow: valid from", "有效期"},
		"may not":         {load(o.asks(counter)), keyservice.ErrRefused, `does not allow us the operation "load"`, "load"},
		"held":            {second(o.asks(counter).Held(t.Context())), keyservice.ErrRefused, `does not allow us the operation "clearing"`, "clearing"},
		"too often":       {load(rarely), keyservice.ErrTooMany, "(0.001 operations a second)", "暂"},
		"another service": {load(clientOf(t, o.server.URL, o.all, today(t, "another"), time.Second)), keyservice.ErrStranger, "what answers is not the key service", "应答的不是密钥服务"},
	} {
		if !errors.Is(test.err, test.kind) || !strings.Contains(test.err.Error(), test.english) {
			t.Errorf("%s: %v, want %q", name, test.err, test.english)
		}
		if said := language.Error(language.Chinese(), test.err); !strings.Contains(said, test.chinese) || said == test.err.Error() {
			t.Errorf("%s: %s, want it in Chinese", name, said)
		}
	}
	var refused []string
	for _, u := range o.uses() {
		if u.Outcome != "given" {
			refused = append(refused, u.Client+" "+string(u.Operation)+" "+u.Outcome)
		}
	}
	slices.Sort(refused)
	if want := []string{"counter clearing not_allowed", "counter load not_allowed"}; !slices.Equal(refused, want) {
		t.Errorf("the log of uses has %v, want %v", refused, want)
	}
	// A certificate that was taken out of the file is a stranger's from then on.
	gone := o.asks(counter)
	o.ordered(keyservicetest.Orders("counter", "0101491000000000"))
	if _, err := gone.Personalise(t.Context(), keyservice.Blank{Order: "samples", Card: transit}); err != nil {
		t.Error(err)
	}
	o.knows(o.line("all", o.all, 1e6, keyservice.Loads))
	if _, err := gone.Personalise(t.Context(), keyservice.Blank{Order: "samples", Card: transit}); !errors.Is(err, keyservice.ErrRefused) {
		t.Errorf("with a certificate that was taken out: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// An answer for another order, card or question is not used, and no service that is slow or gone
// is waited for longer than the client's patience.
func TestAnswersThatDoNotBelong(t *testing.T) {
	o := newOffice(t)
	change := func(from, to string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			recorder := httptest.NewRecorder()
			o.service.ServeHTTP(recorder, r)
			w.WriteHeader(recorder.Code)
			_, _ = io.WriteString(w, strings.Replace(recorder.Body.String(), from, to, 1))
		})
	}
	card := transit.String()
	other := strings.Replace(card, "02", "03", 1)
	slow := make(chan struct{})
	defer close(slow)
	for name, test := range map[string]struct {
		handler http.Handler
		want    error
		words   string
	}{
		"another order":    {change(`"order":"order 1"`, `"order":"order 2"`), keyservice.ErrOther, "order 2"},
		"another card":     {change(card, other), keyservice.ErrOther, other},
		"another question": {change(`"id":"`, `"id":"0`), keyservice.ErrOther, "another question"},
		"a short MAC2":     {change(`"mac":"`, `"mac":"00`), nil, "MAC2 of 5 bytes"},
		"no JSON":          {change(`{`, ``), keyservice.ErrOther, "no answer"},
		"a proxy's page":   {http.NotFoundHandler(), keyservice.ErrAway, "status 404"},
		"slow": {http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-slow:
			case <-r.Context().Done():
			}
		}), keyservice.ErrAway, "deadline"},
	} {
		server := serveTLS(t, test.handler, o.own)
		c := clientOf(t, server.URL, o.all, o.own, time.Second)
		asked, _ := order(o.store, "order 1", 500)
		_, err := c.AuthoriseLoad(t.Context(), asked)
		if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %v, want %q", name, err, test.words)
		}
	}
	gone := clientOf(t, o.server.URL, o.all, o.own, time.Second)
	o.server.Close()
	asked, _ := order(o.store, "order 1", 500)
	if _, err := gone.AuthoriseLoad(t.Context(), asked); !errors.Is(err, keyservice.ErrAway) {
		t.Errorf("a service that is gone: %v", err)
	}
}

// Questions of a wrong shape are refused, whatever they are, and what may come through does no
// harm.
func TestMalformedQuestions(t *testing.T) {
	o := newOffice(t)
	http1 := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{o.all}, InsecureSkipVerify: true}}} //nolint:gosec // a test
	card := `"card":{"kind":"transit","issuer":"0101491000000000","number":"31040908070605040302"}`
	for name, body := range map[string]string{
		"no JSON":               `x`,
		"none":                  `{"questions":[]}`,
		"no operation":          `{"questions":[{"id":"1"}]}`,
		"another operation":     `{"questions":[{"id":"1","operation":"masters"}]}`,
		"no card":               `{"questions":[{"id":"1","operation":"load"}]}`,
		"no load":               `{"questions":[{"id":"1","operation":"load",` + card + `}]}`,
		"short load":            `{"questions":[{"id":"1","operation":"load",` + card + `,"load":{"amount":1}}]}`,
		"half a card":           `{"questions":[{"id":"1","operation":"load","card":{"kind":"transit","issuer":"01"}}]}`,
		"no kind":               `{"questions":[{"id":"1","operation":"load","card":{"kind":"bank"}}]}`,
		"no command":            `{"questions":[{"id":"1","operation":"pin",` + card + `}]}`,
		"a file as a PIN":       `{"questions":[{"id":"1","operation":"pin",` + card + `,"command":{"challenge":"0000000000000000","header":"04d69500"}}]}`,
		"a file, the type":      `{"questions":[{"id":"1","operation":"file",` + card + `,"command":{"challenge":"0000000000000000","header":"04d69509","data":"04"}}]}`,
		"a card without order":  `{"questions":[{"id":"1","operation":"personalise",` + card + `,"challenge":"0000000000000000"}]}`,
		"a blank, no challenge": `{"questions":[{"id":"1","operation":"personalise","order":"a",` + card + `}]}`,
		"a long order":          `{"questions":[{"id":"1","operation":"load","order":"` + strings.Repeat("a", 81) + `"}]}`,
		"too many":              `{"questions":[` + strings.Repeat(`{"id":"1"},`, 256) + `{"id":"1"}]}`,
		"too long":              `{"questions":[{"id":"` + strings.Repeat("a", 600<<10) + `"}]}`,
		"odd digits":            `{"questions":[{"id":"1","operation":"personalise","order":"a",` + card + `,"challenge":"000"}]}`,
	} {
		response, err := http1.Post(o.server.URL+keyservice.Path, "application/json", strings.NewReader(body))
		o.must(err)
		content, err := io.ReadAll(response.Body)
		o.must(errors.Join(err, response.Body.Close()))
		if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(content), `"malformed"`) {
			t.Errorf("%s: %d %s", name, response.StatusCode, content)
		}
	}
	response, err := http1.Get(o.server.URL + keyservice.Path)
	o.must(err)
	if o.must(response.Body.Close()); response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", response.StatusCode)
	}
}

// Without its line in the log of uses nothing is answered.
func TestNoAnswerWithoutALog(t *testing.T) {
	o := newOffice(t)
	uses, _, err := keyservice.OpenUses(t.TempDir())
	o.must(err)
	o.must(uses.Close())
	o.service.Uses = uses
	asked, _ := order(o.store, "order 1", 500)
	c := clientOf(t, o.server.URL, o.all, o.own, time.Second)
	if mac2, err := c.AuthoriseLoad(t.Context(), asked); !errors.Is(err, keyservice.ErrAway) || !strings.Contains(err.Error(), "the log of uses cannot be written") || mac2 != (keys.MAC{}) {
		t.Errorf("MAC2 %x, %v", mac2, err)
	}
}

func BenchmarkMAC2(b *testing.B) {
	o := newOffice(b)
	c := o.asks(o.all)
	asked, want := order(o.store, "order 1", 500)
	if _, err := c.AuthoriseLoad(b.Context(), asked); err != nil {
		b.Fatal(err)
	}
	const clerks = 64
	var wg sync.WaitGroup
	var next atomic.Int64
	b.ResetTimer()
	for range clerks {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if mac2, err := c.AuthoriseLoad(b.Context(), asked); err != nil || mac2 != want {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "keyservice.mac2_per_second")
}
