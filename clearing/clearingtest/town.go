package clearingtest

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/rules"
	"citycard/ledger"
)

// Numbers that the registry of a Town knows.
const (
	Card        = "03105070200000000001"
	OtherCard   = "03105070200000000002"
	ExpiredCard = "03105070200000000003" // after 20250630
	BlockedCard = "03105070200000000004"
	Stranger    = "03105070200000000099" // not registered

	MetroGate    = "310000000001" // operator metro, line 1, station 1
	BusValidator = "310000000002" // operator bus, line 1
	Unlisted     = "310000000099" // not registered

	Issuer  = "01014910ffffffff"
	Worker  = "00000000000000000000000000000001" // employee, 500.00 yuan on the personal account
	Retired = "00000000000000000000000000000002" // draws 3000.00 yuan a month
	Lapsed  = "00000000000000000000000000000003" // draws a pension, certification lapsed
)

// Files are the registry of a Town, by name.
func Files() map[string]string {
	return map[string]string{
		"operators.csv": "id,name,name_en,mode,effective_from,effective_to\n" +
			"metro,地铁,Metro,metro,20200101,\nbus,公交,Bus,bus,20200101,\n",
		"terminals.csv": "terminal,operator,mode,line,station,effective_from,effective_to\n" +
			MetroGate + ",metro,metro,1,1,20200101,\n" + BusValidator + ",bus,bus,1,,20200101,\n",
		"cards.csv": "card,issuer,type,status,effective_from,expires\n" +
			Card + "," + Issuer + ",01,active,20200101,20401231\n" +
			OtherCard + "," + Issuer + ",01,active,20200101,20401231\n" +
			ExpiredCard + "," + Issuer + ",01,active,20200101,20250630\n" +
			BlockedCard + "," + Issuer + ",01,blocked,20200101,20401231\n",
		"channels.csv":  "id,name,name_en,effective_from,effective_to\ncounter,柜台,Counter,20200101,\n",
		"hospitals.csv": "id,name,name_en,class,effective_from,effective_to\nh1,一院,First,3,20200101,\n",
		"persons.csv": "token,insurance,status,personal_account_fen,pension_fen,certified_until,effective_from\n" +
			Worker + ",employee,working,50000,0,,20200101\n" +
			Retired + ",employee,retired,0,300000,203012,20200101\n" +
			Lapsed + ",resident,resident,0,20000,202001,20200101\n",
		"purses.csv": "card,issuer,fen,day\n",
	}
}

// Town is a registry with the keys of its cards.
type Town struct {
	Keys     *keys.Store
	Registry *registry.Registry
	Rules    *rules.Shelf

	dir string
}

// New makes a town whose registry files are those of Files, changed by edit.
func New(t testing.TB, edit func(files map[string]string)) *Town {
	t.Helper()
	files := Files()
	if edit != nil {
		edit(files)
	}
	dir := WriteFiles(t, files)
	people, err := registry.Import(dir)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	return &Town{Keys: keys.GenerateTest(Seed), Registry: registry.New(people), Rules: rules.NewShelf(set), dir: dir}
}

// Seed is that of a Town's keys.
const Seed = 1

// Rules are the examples, with a network of two stations on a line, and a bus line.
func Rules() (*rules.Set, error) {
	contents := map[rules.Kind][]byte{}
	for _, kind := range rules.Kinds() {
		contents[kind] = kind.Example()
	}
	contents[rules.Network] = []byte(`{"note": "", "versions": [{"version": "town", "effective_from": "20200101",
		"stations": [{"number": 1, "name": "一", "name_en": "One"}, {"number": 2, "name": "二", "name_en": "Two"}],
		"lines": [{"number": 1, "name": "一号线", "name_en": "Line 1", "stops": [{"station": 1, "metres": 0}, {"station": 2, "metres": 4000}]}],
		"bus_lines": [1], "example": true, "source": "invented for tests"}]}`)
	return rules.Read(contents)
}

// Found makes the town's registry files the founding change of a database, which has
// clearing's tables.
func (w *Town) Found(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	draft, err := registry.Read(w.dir, nil)
	if err == nil {
		err = registry.NewStore(pool).Found(t.Context(), draft, ledger.Approval{First: "test", At: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// WriteFiles writes registry files into a new directory.
func WriteFiles(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Approved is an approval by two people, for tests that need one and do not check it.
func Approved() ledger.Approval {
	return ledger.Approval{First: "Li", Second: "Wang", Reason: "a test", At: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)}
}

// Hex decodes hexadecimal digits that a test has typed.
func Hex(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// CardID is a card of the town's issuer.
func CardID(number string) keys.CardID {
	var id keys.CardID
	message.Fixed(id.ASN[:], Hex(number))
	message.Fixed(id.Issuer[:], Hex(Issuer))
	return id
}

// Tap has the fields of a tap that a test sets; the others are filled in.
type Tap struct {
	Card, Terminal string
	Sequence       uint32
	Fen            uint32
	At             time.Time
	Type           byte             // 06, or 09 where 0
	Movement       message.Movement // 0: a ride
}

// Tap signs a tap as the card would. Fare and place are those of a bus ride or
// of the gate at station 1.
func (w *Town) Tap(o Tap) *message.Tap {
	if o.Type == 0 {
		o.Type = 0x09
	}
	debit := &message.Debit{
		Card: Hex(o.Card), Issuer: Hex(Issuer), Type: uint32(o.Type), AmountFen: o.Fen, Terminal: Hex(o.Terminal),
		TerminalSequence: o.Sequence, Time: message.AppendTime(nil, o.At), KeyVersion: 1,
	}
	w.Sign(debit)
	if o.Movement == 0 {
		o.Movement = message.Movement_MOVEMENT_SINGLE
	}
	return &message.Tap{
		Medium: message.Medium_MEDIUM_CONTACTLESS, Debit: debit, CardCounter: o.Sequence, BalanceFen: 5000,
		Mode: message.Mode_MODE_BUS, Movement: o.Movement, Line: 1, CardType: 1,
		FareVersion: w.Rules.Current().Tables.All()[0].Version(),
	}
}

// Sign computes the debit's TAC over its fields and sets it.
func (w *Town) Sign(debit *message.Debit) {
	purchase := keys.Purchase{
		Amount: debit.GetAmountFen(), Type: byte(debit.GetType()), TerminalSequence: debit.GetTerminalSequence(),
	}
	message.Fixed(purchase.Terminal[:], debit.GetTerminal())
	message.Fixed(purchase.Time[:], debit.GetTime())
	tac := keys.PurchaseTAC(w.tacKey(debit.GetCard(), debit.GetIssuer()), purchase)
	debit.Tac = tac[:]
}

func (w *Town) tacKey(card, issuer []byte) keys.Key {
	var id keys.CardID
	message.Fixed(id.ASN[:], card)
	message.Fixed(id.Issuer[:], issuer)
	return w.Keys.CardKeys(id).TAC()
}

// Load signs a written load as the card would.
func (w *Town) Load(card string, sequence uint16, fen, newBalance uint32, at time.Time) *message.Load {
	m := &message.Load{
		Medium: message.Medium_MEDIUM_CONTACT, Card: Hex(card), Issuer: Hex(Issuer), Type: 2, AmountFen: fen, Terminal: Hex("310000000050"),
		OnlineSequence: uint32(sequence), Time: message.AppendTime(nil, at), NewBalanceFen: newBalance, KeyVersion: 1,
		Order: "order-1", Channel: "counter",
	}
	w.SignLoad(m)
	return m
}

// SignLoad computes the load's TAC over its fields and sets it.
func (w *Town) SignLoad(m *message.Load) {
	load := keys.Load{
		NewBalance: m.GetNewBalanceFen(), OnlineSequence: uint16(m.GetOnlineSequence()), Amount: m.GetAmountFen(), Type: byte(m.GetType()),
	}
	message.Fixed(load.Terminal[:], m.GetTerminal())
	message.Fixed(load.Time[:], m.GetTime())
	tac := keys.LoadTAC(w.tacKey(m.GetCard(), m.GetIssuer()), load)
	m.Tac = tac[:]
}

// Encode marshals a message that a test made.
func Encode(m proto.Message) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

// LoadRequest makes a counter's request for a card that is about to be loaded.
func (w *Town) LoadRequest(card, order string, sequence uint16, balance, fen uint32, at time.Time) *message.LoadRequest {
	m := &message.LoadRequest{
		Order: order, Channel: "counter", Card: Hex(card), Issuer: Hex(Issuer), AmountFen: fen, Terminal: Hex("310000000050"),
		OnlineSequence: uint32(sequence), OldBalanceFen: balance, Random: Hex("11223344"), Time: message.AppendTime(nil, at), KeyVersion: 1,
	}
	var id keys.CardID
	message.Fixed(id.ASN[:], m.GetCard())
	message.Fixed(id.Issuer[:], m.GetIssuer())
	start := keys.LoadStart{OldBalance: balance, Amount: fen, Type: 2}
	message.Fixed(start.Terminal[:], m.GetTerminal())
	mac1 := w.Keys.CardKeys(id).Load().Prepare().LoadSession([4]byte{0x11, 0x22, 0x33, 0x44}, sequence).LoadMAC1(start)
	m.Mac1 = mac1[:]
	return m
}
