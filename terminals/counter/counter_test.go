package counter_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"citycard/terminals/card"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/terminals/counter"
)

var (
	store    = keys.GenerateTest(7)
	morning  = time.Date(2026, 11, 24, 8, 1, 2, 0, time.FixedZone("Asia/Shanghai", 8*3600))
	terminal = [6]byte{0x49, 0x10, 0x30, 0, 0, 0x01}
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func transitOrder() counter.Order {
	return counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
		Number: "03105070200000000012", Issuer: "99994910ffffffff", Start: "20260101", Expiry: "20401231",
		CardType: 3, Province: "4900", City: "4910", Interoperable: true, HolderName: "李四", HolderID: "410101195001010017", PIN: "123456",
	}}
}

func socialOrder(version string) counter.Order {
	return counter.Order{Kind: counter.SocialSecurity, SocialSecurity: &counter.SocialSecurityOrder{
		Region: "410100", Version: version, Institution: "410100000000", Issued: "20260101", Expiry: "20360101",
		CardNumber: "A00000019", SecurityNumber: "111111198101011110", Name: "张三", Sex: "1", Nation: "01",
		Birthplace: "410100", Birthday: "19810101", PIN: "654321",
	}}
}

func issue(t *testing.T, held *chip.Chip, o counter.Order) counter.Issued {
	t.Helper()
	atr := held.PowerOn()
	issued, err := counter.Personalise(t.Context(), held, atr, store, o)
	must(t, err)
	return issued
}

func TestTransitCardIsWhatWasOrdered(t *testing.T) {
	held := chip.NewTransit(1)
	issued := issue(t, held, transitOrder())
	read := held.Describe()
	got := read.Transit
	if !read.Personalised || got.Number != "03105070200000000012" || got.Issuer != "99994910ffffffff" || got.Start != "20260101" || got.Expiry != "20401231" ||
		got.CardType != 3 || got.Province != "4900" || got.City != "4910" || !got.Interoperable || got.HolderName != "李四" || got.Status != 1 || got.BalanceFen != 0 {
		t.Errorf("card %+v", got)
	}
	if issued.Kind != counter.Transit || issued.Number != got.Number || issued.Issuer != got.Issuer || issued.ATR != read.ATR {
		t.Errorf("issued %+v", issued)
	}
	// A second time the card is no blank.
	if _, err := counter.Personalise(t.Context(), held, held.ATR(), store, transitOrder()); err == nil || !strings.Contains(err.Error(), "personalised before") {
		t.Errorf("again: %v", err)
	}
}

func TestSocialSecurityCardIsWhatWasOrdered(t *testing.T) {
	for _, version := range []string{"2.00", "3.00"} {
		held := chip.NewSocialSecurity(2)
		issued := issue(t, held, socialOrder(version))
		read := held.Describe()
		got := read.SocialSecurity
		if !read.Personalised || got.Version != version || got.SecurityNumber != "111111198101011110" || got.Name != "张三" || got.CardNumber != "A00000019" ||
			got.Region != "410100" || got.Issued != "20260101" || got.Expiry != "20360101" || got.Birthday != "19810101" {
			t.Errorf("card %+v", got)
		}
		if issued.Identification != got.Identification || issued.CardNumber != got.CardNumber {
			t.Errorf("issued %+v", issued)
		}
	}
}

// An order that is not complete touches no card and names its field; no error
// quotes a person or a PIN.
func TestOrdersAreChecked(t *testing.T) {
	tests := []struct{ want, change string }{
		{"number", `{"transit":{"number":"123"}}`},
		{"issuer", `{"transit":{"issuer":"99"}}`},
		{"start", `{"transit":{"start":"20261301"}}`},
		{"expiry", `{"transit":{"expiry":"20251231"}}`},
		{"city", `{"transit":{"city":"49"}}`},
		{"card_type", `{"transit":{"card_type":0}}`},
		{"pin", `{"transit":{"pin":"1a3456"}}`},
		{"holder", `{"transit":{"holder_name":"一二三四五六七八九十一二"}}`},
		{"holder", `{"transit":{"card_type":1}}`},
		{"holder", `{"transit":{"card_type":1,"holder_name":""}}`},
		{"kind", `{"kind":"gold"}`},
		{"kind", `{"kind":"ssc"}`},
	}
	for _, test := range tests {
		o := transitOrder()
		must(t, json.Unmarshal([]byte(test.change), &o))
		checkRefused(t, o, test.want, test.change)
	}
	social := []struct{ want, change string }{
		{"region", `{"social_security":{"region":"41"}}`},
		{"version", `{"social_security":{"version":"3"}}`},
		{"institution", `{"social_security":{"institution":"4"}}`},
		{"card_number", `{"social_security":{"card_number":"A1"}}`},
		{"security_number", `{"social_security":{"security_number":"11111119810101111"}}`},
		{"sex", `{"social_security":{"sex":"9"}}`},
		{"birthday", `{"social_security":{"birthday":"19810230"}}`},
		{"nation", `{"social_security":{"nation":"1"}}`},
		{"pin", `{"social_security":{"pin":"12"}}`},
	}
	for _, test := range social {
		o := socialOrder("2.00")
		must(t, json.Unmarshal([]byte(test.change), &o))
		checkRefused(t, o, test.want, test.change)
	}
}

func checkRefused(t *testing.T, o counter.Order, want, change string) {
	t.Helper()
	held := chip.NewTransit(1)
	atr := held.PowerOn()
	before, err := held.Image()
	must(t, err)
	_, err = counter.Personalise(t.Context(), held, atr, store, o)
	if !errors.Is(err, counter.ErrOrder) || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want %q", change, err, want)
	}
	if err != nil && (strings.Contains(err.Error(), "1a3456") || strings.Contains(err.Error(), "一二三")) {
		t.Errorf("%s: the error quotes a secret: %v", change, err)
	}
	after, err := held.Image()
	must(t, err)
	if string(before) != string(after) {
		t.Errorf("%s: the card changed", change)
	}
}

// office is a load authority: it authorises from the key store, once per order
// and counter, and may refuse or lose its answer.
type office struct {
	booked  int
	refusal string
	lose    bool
}

func (o *office) AuthoriseLoad(_ context.Context, r *message.LoadRequest) (*message.LoadAnswer, error) {
	if o.refusal != "" {
		return &message.LoadAnswer{Refusal: o.refusal}, nil
	}
	o.booked++
	mac2, err := store.AuthoriseLoad(keys.LoadOrder{
		Card: keys.CardID{Issuer: [8]byte(r.GetIssuer()), ASN: [10]byte(r.GetCard())}, OldBalance: r.GetOldBalanceFen(),
		Amount: r.GetAmountFen(), Type: purse.TypeEPLoad, Terminal: [6]byte(r.GetTerminal()), Time: [7]byte(r.GetTime()),
		OnlineSequence: uint16(r.GetOnlineSequence()), Random: [4]byte(r.GetRandom()),
		KeyVersion: byte(r.GetKeyVersion()), Algorithm: byte(r.GetAlgorithm()), MAC1: keys.MAC(r.GetMac1()),
	})
	if err != nil {
		return nil, err
	}
	if o.lose {
		return nil, errors.New("the line broke")
	}
	return &message.LoadAnswer{Mac2: mac2[:]}, nil
}

func topUp(t *testing.T, held apdu.Card, o *office, fen uint32) (*message.Load, error) {
	t.Helper()
	return counter.TopUp(t.Context(), held, o, counter.Load{Order: "L-1", Channel: "counter", Amount: fen, Terminal: terminal, At: morning, Medium: message.Medium_MEDIUM_CONTACT})
}

// agrees checks a load's TAC and the chip.
func agrees(t *testing.T, held *chip.Chip, m *message.Load) {
	t.Helper()
	ok := make([]bool, 1)
	keys.NewTACVerifier(store.TACMaster()).VerifyLoads([]keys.LoadRecord{{
		Card: keys.CardID{Issuer: [8]byte(m.GetIssuer()), ASN: [10]byte(m.GetCard())}, NewBalance: m.GetNewBalanceFen(),
		OnlineSequence: uint16(m.GetOnlineSequence()), Amount: m.GetAmountFen(), Type: byte(m.GetType()),
		Terminal: [6]byte(m.GetTerminal()), Time: [7]byte(m.GetTime()), TAC: keys.MAC(m.GetTac()),
	}}, ok)
	if !ok[0] {
		t.Error("the load's TAC does not verify")
	}
	if read := held.Describe().Transit; read.BalanceFen != m.Own() || uint32(read.OnlineSequence) != m.GetOnlineSequence()+1 {
		t.Errorf("card %+v, load %v", read, m)
	}
}

func TestTopUp(t *testing.T) {
	held := chip.NewTransit(1)
	issue(t, held, transitOrder())
	for _, fen := range []uint32{5000, 1} {
		m, err := topUp(t, held, &office{}, fen)
		must(t, err)
		agrees(t, held, m)
		if m.GetAmountFen() != fen || m.GetOrder() != "L-1" || m.GetChannel() != "counter" {
			t.Errorf("load %v", m)
		}
	}
}

func TestTopUpThatComesToNothing(t *testing.T) {
	tests := []struct {
		name   string
		office office
		fen    uint32
		is     func(error) bool
	}{
		{"refused", office{refusal: "card_blocked"}, 100, func(err error) bool {
			r, ok := errors.AsType[*counter.RefusedError](err)
			return ok && r.Reason == "card_blocked"
		}},
		{"answer lost", office{lose: true}, 100, func(err error) bool { return strings.Contains(err.Error(), "the line broke") }},
		{"nothing", office{}, 0, func(err error) bool { return err != nil }},
		{"more than a purse holds", office{}, 1 << 31, func(err error) bool { return err != nil }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			held := chip.NewTransit(1)
			issue(t, held, transitOrder())
			m, err := topUp(t, held, &test.office, test.fen)
			if m != nil || err == nil || !test.is(err) {
				t.Errorf("load %v, error %v", m, err)
			}
			if read := held.Describe().Transit; read.BalanceFen != 0 || read.OnlineSequence != 0 {
				t.Errorf("the card changed: %+v", read)
			}
		})
	}
	if _, err := topUp(t, poweredSocial(t), &office{}, 100); !errors.Is(err, card.ErrNotTransit) {
		t.Errorf("social-security card: %v", err)
	}
}

func poweredSocial(t *testing.T) *chip.Chip {
	t.Helper()
	c := chip.NewSocialSecurity(1)
	c.PowerOn()
	return c
}

// leavingCard goes away when CREDIT arrives, before or after it took the money.
type leavingCard struct {
	*chip.Chip
	at chip.Moment
}

func (c leavingCard) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if command[0] == 0x80 && command[1] == 0x52 {
		c.LosePower(c.at)
	}
	return c.Chip.Transmit(ctx, command)
}

func TestTornLoadIsSettledByTheCard(t *testing.T) {
	for name, at := range map[string]chip.Moment{"written": chip.AfterCommit, "not written": chip.BeforeCommit} {
		t.Run(name, func(t *testing.T) {
			held, o := chip.NewTransit(1), &office{}
			issue(t, held, transitOrder())
			m, err := topUp(t, leavingCard{held, at}, o, 700)
			open, ok := errors.AsType[*card.UnknownError](err)
			if !ok || m != nil {
				t.Fatalf("load %v, %v", m, err)
			}
			held.PowerOn()
			stranger := chip.NewTransit(2)
			other := transitOrder()
			other.Transit.Number = "03105070200000000013"
			issue(t, stranger, other)
			if _, err := card.ResolveLoad(t.Context(), stranger, open); !errors.Is(err, card.ErrOtherCard) {
				t.Errorf("another card: %v", err)
			}
			m, err = card.ResolveLoad(t.Context(), held, open)
			must(t, err)
			if (m != nil) != (at == chip.AfterCommit) {
				t.Fatalf("resolved to %v", m)
			}
			if m == nil {
				m, err = topUp(t, held, o, 700)
				must(t, err)
			}
			agrees(t, held, m)
			if m.GetNewBalanceFen() != 700 {
				t.Errorf("%d fen on the card, want 700: loaded once", m.GetNewBalanceFen())
			}
		})
	}
}

// The HTTP client against a server that answers as the authority does, and worse.
func TestHTTPAuthority(t *testing.T) {
	o := &office{}
	mode := "good"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := new(message.LoadRequest)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/loads/authorise" || proto.Unmarshal(body, request) != nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		switch mode {
		case "busy":
			http.Error(w, "the database is away\nsecond line", http.StatusServiceUnavailable)
			return
		case "page":
			w.Header().Set("Content-Type", "text/html")
			return
		case "garbage":
			w.Header().Set("Content-Type", "application/x-protobuf")
			_, _ = w.Write([]byte{0xFF, 0xFF})
			return
		}
		if got := r.Header.Get("Authorization"); got != "Bearer secret" {
			t.Errorf("Authorization is %q, want the channel's token", got)
		}
		answer, err := o.AuthoriseLoad(r.Context(), request)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		encoded, _ := proto.Marshal(answer)
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(encoded)
	}))
	defer server.Close()
	authority, err := counter.NewHTTPAuthority(server.URL+"/", map[string]string{"counter": "secret"}, nil)
	must(t, err)
	held := chip.NewTransit(1)
	issue(t, held, transitOrder())
	load := counter.Load{Order: "L-1", Channel: "counter", Amount: 300, Terminal: terminal, At: morning}
	for m, want := range map[string]string{"busy": "the database is away", "page": "text/html", "garbage": "malformed"} {
		mode = m
		if _, err := counter.TopUp(t.Context(), held, authority, load); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", m, err)
		}
	}
	mode = "good"
	m, err := counter.TopUp(t.Context(), held, authority, load)
	must(t, err)
	agrees(t, held, m)
	server.Close()
	if _, err := counter.TopUp(t.Context(), held, authority, load); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("server away: %v", err)
	}
	for _, bad := range []string{"", "localhost:8080", "ftp://host", "http://"} {
		if _, err := counter.NewHTTPAuthority(bad, nil, nil); err == nil {
			t.Errorf("address %q was taken", bad)
		}
	}
}
