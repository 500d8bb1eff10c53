package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"citycard/cardos/keys"
	"citycard/clearing/medical"
	"citycard/clearing/message"
	"citycard/clearing/pension"
	"citycard/clearing/topics"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/cmd/server"
	"citycard/terminals/hotlist"
	"citycard/terminals/tariff"
)

const messagesPage = "docs/messages.md"

// reference is docs/messages.md, and the messages that it is about.
type reference struct {
	*testing.T
	text  string
	lines []string
	file  protoreflect.FileDescriptor
}

func newReference(t *testing.T) *reference {
	text, err := os.ReadFile("../../" + messagesPage)
	if err != nil {
		t.Fatal(err)
	}
	return &reference{t, string(text), strings.Split(string(text), "\n"), message.File_citycard_proto}
}

// rows returns the rows of the first table below a heading, cell by cell, without code marks.
func (r *reference) rows(heading string) (rows [][]string) {
	r.Helper()
	at := slices.Index(r.lines, heading)
	if at < 0 {
		r.Errorf("there is no heading %q", heading)
		return nil
	}
	for _, line := range r.lines[at+1:] {
		switch {
		case strings.HasPrefix(line, "#"), len(rows) > 0 && !strings.HasPrefix(line, "|"):
			return rows[min(2, len(rows)):]
		case strings.HasPrefix(line, "|"):
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.Trim(cells[i], " `")
			}
			rows = append(rows, cells)
		}
	}
	return rows[min(2, len(rows)):]
}

// TestMessagesAreDescribed compares the tables with the compiled messages: each field and value in
// its order, with its number and type.
func TestMessagesAreDescribed(t *testing.T) {
	r := newReference(t)
	for i := range r.file.Messages().Len() {
		m := r.file.Messages().Get(i)
		rows := r.rows(fmt.Sprintf("#### `%s`", m.Name()))
		if len(rows) != m.Fields().Len() {
			t.Errorf("%s has %d rows, want %d", m.Name(), len(rows), m.Fields().Len())
			continue
		}
		for j, row := range rows {
			f := m.Fields().Get(j)
			if want := []string{string(f.Name()), fmt.Sprint(f.Number()), typeOf(f)}; !slices.Equal(row[:3], want) {
				t.Errorf("%s: row %q, want %q", m.Name(), row[:3], want)
			}
		}
	}
	for i := range r.file.Enums().Len() {
		e := r.file.Enums().Get(i)
		var want, got [][]string
		for j := range e.Values().Len() {
			want = append(want, []string{string(e.Values().Get(j).Name()), fmt.Sprint(e.Values().Get(j).Number())})
		}
		for _, row := range r.rows(fmt.Sprintf("#### `%s`", e.Name())) {
			got = append(got, row[:2])
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: %q, want %q", e.Name(), got, want)
		}
	}
}

func typeOf(f protoreflect.FieldDescriptor) string {
	name := f.Kind().String()
	switch {
	case f.IsMap():
		return fmt.Sprintf("map<%s, %s>", f.MapKey().Kind(), f.MapValue().Kind())
	case f.Message() != nil:
		name = string(f.Message().Name())
	case f.Enum() != nil:
		name = string(f.Enum().Name())
	}
	if f.IsList() {
		return "repeated " + name
	}
	return name
}

// hospitalTopics is how the page names the topics that there are for each hospital.
const hospitalTopics = "medical.results.ID"

// TestTopicsAreDescribed compares the page with the topics that serve makes, each with the message
// of its example.
func TestTopicsAreDescribed(t *testing.T) {
	r := newReference(t)
	var got []string
	type kind struct{ topic, message string }
	shown := map[kind]bool{} // of each topic and message whether there is an example
	for _, row := range r.rows("## Topics") {
		got = append(got, row[0])
		shown[kind{row[0], row[1]}] = false
		if len(row) != 5 || slices.Contains(row, "") {
			t.Errorf("topic %s: %q has empty cells", row[0], row)
		}
	}
	want := append(topics.All(), hospitalTopics)
	slices.Sort(got)
	got = slices.Compact(got) // one may have several messages
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("topics %q, want %q", got, want)
	}
	for _, e := range r.examples() {
		topic := e.topic
		if strings.HasPrefix(topic, message.MedicalResultsOf("")) {
			topic = hospitalTopics
		}
		of := kind{topic, string(e.message.ProtoReflect().Descriptor().Name())}
		if _, listed := shown[of]; !listed && topic != "HTTP" {
			t.Errorf("the example of %s is a %s, which the table does not have", topic, of.message)
		}
		shown[of] = true
	}
	for of, there := range shown {
		if !there {
			t.Errorf("there is no example of %s", of)
		}
	}
}

// TestCodesAreDescribed compares the page with the list of verdicts and reasons, in its order.
func TestCodesAreDescribed(t *testing.T) {
	r := newReference(t)
	rows, want := r.rows("## Reasons"), verdict.List()
	if len(rows) != len(want) {
		t.Fatalf("%d reasons, want %d", len(rows), len(want))
	}
	for i, row := range rows {
		e := want[i]
		if w := []string{string(e.Reason), e.Verdict.String(), row[2], e.English, e.Chinese}; !slices.Equal(row, w) || row[2] == "" {
			t.Errorf("reason %q, want %q", row, w)
		}
	}
	rows = r.rows("## Verdicts")
	for v := verdict.Cleared; !strings.HasPrefix(v.String(), "verdict("); v++ {
		if i := int(v - verdict.Cleared); i >= len(rows) || rows[i][0] != v.String() {
			t.Errorf("verdict %d of the page is not %s", i, v)
		}
	}
	if len(rows) != int(verdict.Noted) {
		t.Errorf("%d verdicts, want %d", len(rows), verdict.Noted)
	}
}

var (
	inCode   = regexp.MustCompile("`([^`\n]+)`")
	fieldish = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)+$`)
	typeish  = regexp.MustCompile(`^[A-Z][a-z]+([A-Z][a-z]+)+$`)
	valueish = regexp.MustCompile(`^[A-Z]+(_[A-Z]+)+$`)
)

// TestNothingElseIsNamed: every word in code style that looks like a field, a reason, a message or
// a value really is one.
func TestNothingElseIsNamed(t *testing.T) {
	r := newReference(t)
	known := map[string]bool{"SerializeToString": true, "murmur2": true}
	for _, e := range verdict.List() {
		known[string(e.Reason)] = true
	}
	for _, mode := range message.ServiceModeCodes() {
		known[mode] = true
	}
	for i := range r.file.Messages().Len() {
		m := r.file.Messages().Get(i)
		known[string(m.Name())] = true
		for j := range m.Fields().Len() {
			known[string(m.Fields().Get(j).Name())] = true
		}
	}
	for i := range r.file.Enums().Len() {
		known[string(r.file.Enums().Get(i).Name())] = true
		values := r.file.Enums().Get(i).Values()
		for j := range values.Len() {
			known[string(values.Get(j).Name())] = true
		}
	}
	for _, m := range inCode.FindAllStringSubmatch(r.text, -1) {
		if word := m[1]; (fieldish.MatchString(word) || typeish.MatchString(word) || valueish.MatchString(word)) && !known[word] {
			t.Errorf("the page names %s, which does not exist", word)
		}
	}
}

// example is a message of the page in text, with its bytes.
type example struct {
	topic   string
	key     string
	message proto.Message
}

var exampleHead = regexp.MustCompile(`^# (\S+): citycard\.v1\.(\w+)(?:, key (.+))?\n`)

// examples reads all examples, and compares the bytes of each with its text.
func (r *reference) examples() (found []example) {
	r.Helper()
	var last *example
	for _, f := range fences(r.T, messagesPage) {
		switch f.kind {
		case "textproto":
			head := exampleHead.FindStringSubmatch(f.text)
			if head == nil {
				r.Fatalf("%s: the example does not begin with its topic and message", f)
			}
			kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("citycard.v1." + head[2]))
			if err != nil {
				r.Fatalf("%s: %v", f, err)
			}
			m := kind.New().Interface()
			if err := prototext.Unmarshal([]byte(f.text), m); err != nil {
				r.Fatalf("%s: %v", f, err)
			}
			last = &example{head[1], head[3], m}
			found = append(found, *last)
		case "hex":
			want, err := hex.DecodeString(strings.Join(strings.Fields(f.text), ""))
			if err != nil || last == nil {
				r.Fatalf("%s: %v, or no text before it", f, err)
			}
			got, err := proto.MarshalOptions{Deterministic: true}.Marshal(last.message)
			if err != nil || !slices.Equal(got, want) {
				r.Errorf("%s: the bytes of %s are %x (%v)", f, last.topic, got, err)
			}
			last = nil
		}
	}
	return found
}

// TestExampleKeys: each example has the key that its topic asks for.
func TestExampleKeys(t *testing.T) {
	for _, e := range newReference(t).examples() {
		var want string
		switch m := e.message.(type) {
		case *message.Tap:
			want = hex.EncodeToString(m.GetDebit().GetCard())
			if _, err := message.CheckUnconfirmed(encoded(t, m)); (err == nil) != (e.topic == message.TopicTapsUnconfirmed) {
				t.Errorf("the example of %s as an unconfirmed tap: %v", e.topic, err)
			}
		case *message.ExitTicket:
			want = string(message.TicketKey(m))
			if _, err := message.CheckExitTicket(encoded(t, m)); err != nil {
				t.Errorf("the example of %s: %v", e.topic, err)
			}
		case *message.Load:
			want = hex.EncodeToString(m.GetCard())
		case *message.MedicalClaim:
			want = hex.EncodeToString(m.GetPerson())
		case *message.MedicalResult:
			want = fmt.Sprintf("the 16 bytes %x", m.GetPerson())
		case *message.PensionBatch:
			want = m.GetBatch()
		case *message.PensionResult:
			want = m.GetBatch()
		case *message.Reject:
			want = m.GetStream()
			if topic := message.RejectsOf(strings.Split(want, "/")[0]); topic != e.topic {
				t.Errorf("rejects of %s go to %s", want, topic)
			}
		case *message.Cleared:
			want = fmt.Sprintf("the 16 bytes %x", m.GetCardToken())
		case *message.FareTable:
			want = m.GetVersion()
		case *message.DayKinds:
			want = message.CalendarKey
			if _, err := message.NewCalendar(m); err != nil {
				t.Errorf("the example of %s: %v", e.topic, err)
			}
		case *message.RegistryEntry:
			want = fmt.Sprintf("%s: and the 6 bytes %x", m.GetKind(), m.GetKey())
		case *message.Intent:
			want = fmt.Sprintf("the 20 bytes %x", message.IntentKey(m.GetTap().GetDebit()))
			if _, err := message.ParseIntent(message.IntentKey(m.GetTap().GetDebit()), encoded(t, m)); err != nil {
				t.Errorf("the example of %s: %v", e.topic, err)
			}
		case *message.Ack:
			want = fmt.Sprintf("%x/%s", m.GetTerminal(), m.GetLane())
		case *message.HotlistEntry:
			want = fmt.Sprintf("the 8 bytes %x", m.GetCard())
		case *message.ModeList:
			want = message.ModesKey
		}
		if e.key != want {
			t.Errorf("%s: key %q, want %q", e.topic, e.key, want)
		}
	}
}

func encoded(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// exampleOf is the example with a message of type M.
func exampleOf[M proto.Message](r *reference) (found M) {
	r.Helper()
	for _, e := range r.examples() {
		if m, ok := e.message.(M); ok {
			return m
		}
	}
	r.Fatalf("there is no example of a %T", found)
	return found
}

// TestExampleSecrets computes all tokens and codes of the examples, under the TEST masters of seed
// 1.
func TestExampleSecrets(t *testing.T) {
	r, store := newReference(t), keys.GenerateTest(1)
	person := store.PersonToken("419999196001010028")
	if !strings.Contains(r.text, fmt.Sprintf("answers `%x`", person)) || !slices.Equal(exampleOf[*message.MedicalClaim](r).GetPerson(), person[:]) {
		t.Errorf("the person's token is %x", person)
	}
	key := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("citycard test master"), byte(keys.RolePersonToken)), 1))
	if text := hex.EncodeToString(key[:16]); !strings.Contains(r.text, "person key is `"+text+"`") || !strings.Contains(r.text, "hexkey:"+text) {
		t.Errorf("the person key is %s", text)
	}
	for _, e := range r.examples() {
		if m, ok := e.message.(*message.Tap); ok && e.topic == message.TopicTaps {
			if tac := keys.PurchaseTAC(store.CardKeys(cardOf(m)).TAC(), signedOf(m)); !slices.Equal(tac[:], m.GetDebit().GetTac()) {
				t.Errorf("the TAC of tap %d is %x", m.GetDebit().GetTerminalSequence(), tac)
			}
		}
	}
	id, card := cardOf(exampleOf[*message.Tap](r)), store.CardKeys(cardOf(exampleOf[*message.Tap](r)))
	for what, key := range map[string]keys.Key{"TAC master": store.TACMaster(), "TAC key": card.TAC()} {
		if !strings.Contains(r.text, fmt.Sprintf("`%s`", hex.EncodeToString(key[:]))) {
			t.Errorf("the %s is another one", what)
		}
	}
	l := exampleOf[*message.Load](r)
	written := keys.Load{
		NewBalance: l.GetNewBalanceFen(), OnlineSequence: uint16(l.GetOnlineSequence()), Amount: l.GetAmountFen(),
		Type: byte(l.GetType()), Terminal: [6]byte(l.GetTerminal()), Time: [7]byte(l.GetTime()),
	}
	if tac := keys.LoadTAC(card.TAC(), written); !slices.Equal(tac[:], l.GetTac()) {
		t.Errorf("the load's TAC is %x", tac)
	}
	q := exampleOf[*message.LoadRequest](r)
	mac2, err := store.AuthoriseLoad(keys.LoadOrder{
		Card: id, Amount: q.GetAmountFen(), Terminal: [6]byte(q.GetTerminal()), OnlineSequence: uint16(q.GetOnlineSequence()), OldBalance: q.GetOldBalanceFen(),
		Random: [4]byte(q.GetRandom()), MAC1: keys.MAC(q.GetMac1()), Time: [7]byte(q.GetTime()), KeyVersion: byte(q.GetKeyVersion()), Type: load.TypeLoad,
	})
	if err != nil || !slices.Equal(mac2[:], exampleOf[*message.LoadAnswer](r).GetMac2()) {
		t.Errorf("MAC2 is %x: %v", mac2, err)
	}
	if token := store.Held().CardTokens().Token(id); !slices.Equal(token[:], exampleOf[*message.Cleared](r).GetCardToken()) {
		t.Errorf("the card's token is %x", token)
	}
}

func cardOf(m *message.Tap) keys.CardID {
	return keys.CardID{ASN: [10]byte(m.GetDebit().GetCard()), Issuer: [8]byte(m.GetDebit().GetIssuer())}
}

func signedOf(m *message.Tap) keys.Purchase {
	d := m.GetDebit()
	return keys.Purchase{Amount: d.GetAmountFen(), Type: byte(d.GetType()), Terminal: [6]byte(d.GetTerminal()), TerminalSequence: d.GetTerminalSequence(), Time: [7]byte(d.GetTime())}
}

// TestExamplesAreTaken: terminals accept the fares and the hotlist of the examples, and the example
// row of the registry has the columns of the file.
func TestExamplesAreTaken(t *testing.T) {
	r := newReference(t)
	fares := exampleOf[*message.FareTable](r)
	if _, err := tariff.New(fares); err != nil || exampleOf[*message.Tap](r).GetFareVersion() != fares.GetVersion() {
		t.Errorf("the fares: %v", err)
	}
	list, err := hotlist.Open(filepath.Join(t.TempDir(), "hotlist"))
	if err == nil {
		err = list.Apply(exampleOf[*message.HotlistEntry](r))
	}
	if err != nil {
		t.Errorf("the hotlist: %v", err)
	}
	entry := exampleOf[*message.RegistryEntry](r)
	columns := slices.Sorted(maps.Keys(entry.GetRows()[0].GetColumns()))
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "| `"+entry.GetKind()+".csv`")
	_, rest, _ = strings.Cut(rest, "`")
	documented, _, _ := strings.Cut(rest, "`")
	want := strings.Split(documented, ",")
	slices.Sort(want)
	if !slices.Equal(columns, want) {
		t.Errorf("a row of %s has the columns %q, want %q", entry.GetKind(), columns, want)
	}
}

// TestExampleSettlement settles the example's claim by the example rules.
func TestExampleSettlement(t *testing.T) {
	r := newReference(t)
	claim, result := exampleOf[*message.MedicalClaim](r), exampleOf[*message.MedicalResult](r)
	rules, err := medical.LoadRules(medical.ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	at, err := message.ParseTime(claim.GetTime(), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	split, reason, err := medical.Settle(rules, medical.Person{Insurance: medical.Employee, Status: medical.Working}, medical.Class2, medical.YearSoFar{},
		medical.Claim{
			Kind: medical.Kind(claim.GetKind()), TotalFen: claim.GetTotalFen(), OwnPayFen: claim.GetOwnPayFen(),
			OverLimitFen: claim.GetOverLimitFen(), FirstPayFen: claim.GetFirstPayFen(), InScopeFen: claim.GetInScopeFen(),
		}, at, claim.GetTotalFen())
	if err != nil || reason != verdict.None {
		t.Fatal(reason, err)
	}
	want := &message.MedicalResult{
		Settlement: claim.GetSettlement(), Hospital: claim.GetHospital(), Person: claim.GetPerson(), DeductibleFen: split.DeductibleFen,
		FundFen: split.FundFen, AccountFen: split.AccountFen, CashFen: split.CashFen, RuleVersion: split.RuleVersion,
	}
	if !proto.Equal(result, want) {
		t.Errorf("the answer is %v", want)
	}
}

// TestLimitsAreDescribed compares the table of time limits with the rules.
func TestLimitsAreDescribed(t *testing.T) {
	rules, err := pension.LoadRules(pension.ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	b, ok := rules.On(20260105)
	if !ok {
		t.Fatal("no rules of pensions")
	}
	loads, err := load.LoadRules(load.ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	w := server.TapWindow()
	text := strings.ReplaceAll(newReference(t).text, ",", "")
	for _, want := range []string{
		fmt.Sprintf("| day of a tap | %d days before to %d day after ", w.DaysBack, w.DaysAhead),
		fmt.Sprintf("| month of a list of pensions | %d months before to %d month after ", b.MonthsBack, b.MonthsAhead),
		fmt.Sprintf("| payday of a list | %d days before to %d days after ", b.PaydayDaysBack, b.PaydayDaysAhead),
		fmt.Sprintf("| size of a list | %d lines and %d.%02d yuan", b.BatchLines, b.BatchFen/100, b.BatchFen%100),
		fmt.Sprintf("| one pension | %d.%02d yuan", b.PersonFen/100, b.PersonFen%100),
		fmt.Sprintf("1 to %d lines", pension.MaxLines),
		fmt.Sprintf("after %d days by the example rules", loads.At(20260105_000000).RefundAfterDays),
		fmt.Sprintf("`POST %s`", load.Path), load.ContentType,
		fmt.Sprintf("have at most %d bytes", message.RecordLimit),
	} {
		if !strings.Contains(text, strings.ReplaceAll(want, ",", "")) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
