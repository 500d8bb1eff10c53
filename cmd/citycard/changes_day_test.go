package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/protobuf/proto"

	"citycard/broker"
	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/dayclose"
	"citycard/clearing/identity"
	"citycard/clearing/intake"
	"citycard/clearing/medical"
	"citycard/clearing/message"
	"citycard/clearing/pension"
	"citycard/clearing/people/access"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/persons"
	"citycard/clearing/receipt"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/release"
	"citycard/clearing/rules"
	"citycard/clearing/topics"
	"citycard/clearing/transit"
	"citycard/clearing/transit/exits"
	"citycard/clearing/transit/load"
	"citycard/clearing/transit/unconfirmed"
	"citycard/clearing/verdict"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// lived are the books of a small town after three days: the first was
// closed, reopened, closed again and sealed, the second is closed, the third is open.
type lived struct {
	*testing.T
	*books.Books
	town    *clearingtest.Town
	cluster *kfake.Cluster
	kafka   string
	client  *kgo.Client
	closer  dayclose.Closer

	sequence uint32         // of the last tap
	unproved []*message.Tap // of which no TAC came at first
}

const firstLived, secondLived, thirdLived ledger.Day = 20260105, 20260106, 20260107

func noonOf(day ledger.Day) time.Time { return day.Time(time.UTC).Add(12 * time.Hour) }

func (l *lived) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *lived) by(day ledger.Day) ledger.Approval {
	return ledger.Approval{First: "ann", Second: "bob", Reason: "as the town's day has it", At: noonOf(day)}
}

// live makes the books.
func live(t *testing.T) *lived {
	t.Helper()
	b, dir := bookstest.New(t)
	l := &lived{T: t, Books: b, town: clearingtest.New(t, withPurse)}
	closer, err := server.NewCloser(t.Context(), b.Ledger, dir)
	l.must(err)
	l.closer = closer.Closer
	set, err := server.InForce(t.Context(), b.Ledger)
	l.must(err)
	l.town.Rules = rules.NewShelf(set)
	l.closer.Signer = livedSigner()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	l.must(err)
	t.Cleanup(cluster.Close)
	l.cluster, l.kafka = cluster, cluster.ListenAddrs()[0]
	l.client, err = broker.Connect(t.Context(), l.kafka, 10*time.Second, slog.New(slog.DiscardHandler), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	l.must(err)
	t.Cleanup(l.client.Close)
	l.must(topics.Layout{Partitions: 1}.Ensure(t.Context(), l.client, topics.All()...))
	l.must(l.OpenDay(t.Context(), firstLived))
	l.found()
	l.marks()
	staff := peopletest.New(l, l.Ledger)
	l.changeRegistry()
	l.changeRules()
	l.letIn(staff)
	l.roster(staff)
	l.firstDay()
	l.counter(staff)
	l.close(firstLived)
	l.reopen(firstLived)
	l.late()
	l.close(firstLived)
	l.pin()
	_, err = l.closer.Seal(t.Context(), firstLived)
	l.must(err)
	l.secondDay()
	l.close(secondLived)
	l.thirdDay()
	return l
}

func livedSigner() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

// withPurse adds purses of the system before, blank cards that are sold, and a person's card of
// that system.
func withPurse(files map[string]string) {
	for n := range 4 {
		files["cards.csv"] += livedCard(n) + "," + clearingtest.Issuer + ",01,active,20200101,20260301\n"
	}
	files["cards.csv"] = strings.Replace(strings.ReplaceAll(files["cards.csv"], "\n", ",\n"), "expires,\n", "expires,holder\n", 1) +
		livedCard(4) + "," + clearingtest.Issuer + ",01,active,20200101,20260301,registered\n" + livedCard(5) + "," + clearingtest.Issuer + ",01,active,20200101,20260301,\n"
	files["counters.csv"] = "terminal,channel,counter,effective_from,effective_to\n491030000001,counter,1,20200101,\n"
	for card, fen := range map[string]string{clearingtest.OtherCard: "1000", livedCard(5): "500"} {
		files["purses.csv"] += card + "," + clearingtest.Issuer + "," + fen + ",20251231\n"
	}
}

// roster begins an import of persons, which is undone, and imports others, and a line that is
// refused.
func (l *lived) roster(staff *peopletest.Staff) {
	store, err := persons.NewStore(l.Ledger, keys.GenerateTest(1).Held(), time.UTC)
	l.must(err)
	order := persons.Order{Charset: persons.UTF8, Part: 2, Undo: true, Person: "ann", At: firstLived.Time(time.UTC), Sign: staff.Signing(l, "ann", "monthly")}
	ctx, stop := context.WithCancel(l.Context())
	order.Faults = func(*persons.Reject) { stop() }
	from := func(rows string) persons.Source {
		source, err := persons.SourceOf(strings.NewReader(persons.Header + "\n" + rows))
		l.must(err)
		return source
	}
	if _, err = store.Import(ctx, from("x\nx\npassport,USA-1,ANN,,died,20200101,\n"), order); err == nil {
		l.Fatal("an import did not stop")
	}
	order.Faults = func(*persons.Reject) {}
	_, err = store.Import(l.Context(), from(
		"resident,419999196001010028,张三,,present,20200101,\nx\npassport,USA-1,ANN,,died,20200101,\npassport,USA-2,BOB,,present,20200101,\n"), order)
	l.must(err)
}

// letIn issues credentials to the channel, and revokes one.
func (l *lived) letIn(staff *peopletest.Staff) {
	store := &access.Store{Ledger: l.Ledger}
	for _, o := range []access.Order{
		{Unit: access.Channel("counter"), Kind: access.Token, Hash: access.HashToken("lived"), Days: 30},
		{Unit: access.Channel("counter"), Kind: access.Certificate, Hash: access.Hash{1}, Days: 400},
	} {
		_, err := store.Issue(l.Context(), o, staff.Alone(l, "kim", access.ActIssue, o.What(), "contract"))
		l.must(err)
	}
	_, _, err := store.Revoke(l.Context(), 1, staff.Alone(l, "bob", access.ActRevoke, (&access.Ended{Credential: 1}).What(), "lost"))
	l.must(err)
}

// marks marks accounts by names, before there are people who sign: no command does it.
func (l *lived) marks() {
	l.must(l.MarkAccount(l.Context(), chart.Hospital("h1"), ledger.Marks{Frozen: true}, l.by(firstLived)))
	l.must(l.MarkAccount(l.Context(), chart.Hospital("h1"), ledger.Marks{}, l.by(firstLived)))
	l.must(l.MarkAccount(l.Context(), chart.Passes, ledger.Marks{Frozen: true}, l.by(firstLived)))
}

// pin pins the key that seals the days.
func (l *lived) pin() {
	public, _ := livedSigner().Public().(ed25519.PublicKey)
	decided(l, "kim", "lee", chain.ActPinSealKey, dayclose.PinRequest{Key: hex.EncodeToString(public)})
}

// found creates the registry.
func (l *lived) found() {
	store := registry.NewStore(l.Pool())
	l.town.Found(l, l.Pool())
	edition, err := store.Load(l.Context())
	l.must(err)
	l.town.Registry = registry.New(edition)
	l.must(l.adopt(l.Context(), edition))
	l.receive(chart.Fund("employee"), "r1")
	l.receive(chart.PensionFund, "r2")
	l.receive(chart.Fund("resident"), "wrong")
	wrong, err := receipt.NewReversal("wrong", "")
	l.must(err)
	_, err = l.receipts().Reverse(l.Context(), wrong, l.by(firstLived))
	l.must(err)
}

func (l *lived) adopt(ctx context.Context, rows *index.Edition) error {
	return chart.Adopt(ctx, l.Ledger, "test", rows, func(opening ledger.Transfer, err error) { l.Errorf("opening %+v: %v", opening, err) })
}

// changeRegistry adds a hospital and lists a card by two people; another change is rejected, and
// one waits.
func (l *lived) changeRegistry() {
	const header = "id,name,name_en,class,effective_from,effective_to\n"
	two(l, registry.ChangeName, completed(l, registry.ChangeName, registry.ImportRequest{Files: registry.Files{
		"hospitals.csv": header + "h2,二院,Second,2,20200101,\n",
		"hotlist.csv":   "card,reason,effective_from,effective_to\n" + clearingtest.OtherCard + ",lost,20260105180000,\n",
	}}))
	third := registry.ImportRequest{Files: registry.Files{"hospitals.csv": header + "h3,三院,Third,1,20200101,\n"}}
	rejected := proposed(l, "ann", registry.ChangeName, completed(l, registry.ChangeName, third))
	office, err := server.Proposals(l.Ledger)
	l.must(err)
	_, err = office.Reject(l.Context(), rejected.Number, "not yet", peopletest.Of(l, l.Ledger).Signer(l, "bob"))
	l.must(err)
	third.Files["hospitals.csv"] += "h4,四院,Fourth,1,20200101,\n"
	proposed(l, "ann", registry.ChangeName, completed(l, registry.ChangeName, third))
	l.must(l.town.Registry.Update(l.Context(), registry.NewStore(l.Pool()), l.adopt))
}

// changeRules puts a medical table in force by two people; another document waits.
func (l *lived) changeRules() {
	document := func(kind rules.Kind, old, new string) rules.Request {
		text := strings.Replace(string(kind.Example()), old, new, 1)
		return rules.Request{Documents: map[rules.Kind][]byte{kind: []byte(text)}}
	}
	two(l, rules.ChangeName, completed(l, rules.ChangeName, document(rules.Medical, `"source": "`, `"source": "decree 7: `)))
	proposed(l, "ann", rules.ChangeName, completed(l, rules.ChangeName, document(rules.Pension, `"source": "`, `"source": "decree 8: `)))
}

func (l *lived) receipts() *receipt.Office { return &receipt.Office{Ledger: l.Ledger, Owner: "test"} }

func (l *lived) receive(account, reference string) {
	r, err := receipt.New(account, 1_000_000, reference)
	l.must(err)
	_, err = l.receipts().Book(l.Context(), r, l.by(firstLived))
	l.must(err)
}

// intake runs an intake until the records are in the books and the messages that follow from them
// are sent, except those to a topic that accepts nothing.
func (l *lived) intake(closed string, records ...*kgo.Record) {
	in := l.newIntake()
	ctx, cancel := context.WithCancel(l.Context())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	waiting, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	for in.Ready(waiting) != nil {
		l.must(waiting.Err())
	}
	if closed != "" {
		l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: closed, Err: kerr.TopicAuthorizationFailed, Count: -1})
	}
	l.must(l.client.ProduceSync(waiting, records...).FirstErr())
	l.must(intake.Await(waiting, l.client, l.Ledger, nil))
	for left := 1; left > 0; {
		l.must(l.Pool().QueryRow(waiting, "SELECT count(*) FROM outbound WHERE topic <> $1", closed).Scan(&left))
	}
	for published := 0; published < int(l.town.Registry.Current().Number()); {
		l.must(l.Pool().QueryRow(waiting, "SELECT coalesce(max(sequence), 0) FROM pumps WHERE stream = $1", intake.RegistryStream).Scan(&published))
	}
	for published := int64(-1); published < l.town.Registry.Current().HotlistNumber(); {
		var err error
		published, err = registry.NewStore(l.Pool()).PublishedHotlist(waiting)
		l.must(err)
	}
	cancel()
	l.must(<-ended)
}

func (l *lived) newIntake() *intake.Intake {
	verifier := keys.NewTACs(l.town.Keys.Held())
	accounts, err := l.Accounts(l.Context())
	l.must(err)
	taps := &transit.Judge{
		Registry: l.town.Registry, Accounts: accounts, TACs: verifier, Rules: l.town.Rules.Transit,
		Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1},
	}
	loads := &load.Judge{TACs: verifier, Paid: l.Amounts, Written: load.WrittenIn(l.Ledger), Rules: l.town.Rules.Loads}
	in, err := intake.New(l.Ledger, l.kafka, map[string]func() intake.Rules{
		message.TopicTaps: func() intake.Rules {
			return intake.Taps(taps, &unconfirmed.Codes{Ledger: l.Ledger}, l.town.Keys.Held().CardTokens())
		},
		message.TopicTapsUnconfirmed: func() intake.Rules {
			return intake.UnconfirmedTaps(&unconfirmed.Judge{Registry: l.town.Registry})
		},
		message.TopicExitTickets: func() intake.Rules { return intake.ExitTickets(&exits.Judge{Registry: l.town.Registry}) },
		message.TopicLoads:       func() intake.Rules { return intake.Loads(loads, l.town.Keys.Held().CardTokens()) },
		message.TopicMedicalRequests: func() intake.Rules {
			return intake.MedicalRequests(&medical.Judge{People: l.town.Registry, Rules: l.town.Rules.Medical, Holdings: l.Ledger.Holdings})
		},
		message.TopicPensionBatches: func() intake.Rules {
			return intake.PensionBatches(&pension.Judge{People: l.town.Registry, Rules: l.town.Rules.Pension, Booked: l.Amounts})
		},
		message.TopicPensionResults: func() intake.Rules {
			return intake.PensionResults(&pension.Judge{People: l.town.Registry, Booked: l.Amounts})
		},
	}, intake.Settings{BatchRecords: 20, BatchWait: time.Millisecond, Owner: "test", Topics: topics.Layout{Partitions: 1}, Registry: l.town.Registry},
		intake.NewMetrics(prometheus.NewRegistry(), time.Now), slog.New(slog.DiscardHandler))
	l.must(err)
	return in
}

func to(topic string, value []byte) *kgo.Record { return &kgo.Record{Topic: topic, Value: value} }

// ride is a signed tap.
func (l *lived) ride(card, terminal string, fen uint32, at time.Time) *message.Tap {
	l.sequence++
	return l.town.Tap(clearingtest.Tap{Card: card, Terminal: terminal, Sequence: l.sequence, Fen: fen, At: at})
}

func taps(list ...*message.Tap) (records []*kgo.Record) {
	for _, tap := range list {
		records = append(records, to(message.TopicTaps, clearingtest.Encode(tap)))
	}
	return records
}

// withoutTAC are taps as lanes report them that never learned the code.
func withoutTAC(list ...*message.Tap) (records []*kgo.Record) {
	for _, tap := range list {
		tap, _ = proto.Clone(tap).(*message.Tap)
		tap.Debit.Tac = nil
		records = append(records, to(message.TopicTapsUnconfirmed, clearingtest.Encode(tap)))
	}
	return records
}

func (l *lived) claim(settlement, kind, hospital string, fen int64, at time.Time) *kgo.Record {
	return to(message.TopicMedicalRequests, clearingtest.Encode(&message.MedicalClaim{
		Settlement: settlement, Visit: "v1", Hospital: hospital, Person: clearingtest.Hex(clearingtest.Worker), Kind: kind,
		Time: message.AppendTime(nil, at), TotalFen: fen, InScopeFen: fen,
	}))
}

// firstDay has good and bad taps, loads that are paid, written and refunded, claims, a payday,
// decisions of people, a hold, a changed limit and changed marks.
func (l *lived) firstDay() {
	ctx, at := l.Context(), noonOf(firstLived)
	wrong := l.ride(clearingtest.Card, clearingtest.BusValidator, 80, at)
	wrong.Debit.Tac[0] ^= 1
	again := l.ride(clearingtest.Card, clearingtest.MetroGate, 200, at)
	free := l.ride(clearingtest.Card, clearingtest.BusValidator, 0, at)
	old := l.ride(clearingtest.Card, clearingtest.BusValidator, 80, at.AddDate(0, 0, -20))
	lost := l.ride(clearingtest.Card, clearingtest.Unlisted, 90, at)
	records := append(taps(wrong, again, again, free, old, lost), to(message.TopicTaps, []byte("\xff rubbish")))
	for n := range 12 {
		records = append(records, taps(l.ride(clearingtest.Card, clearingtest.BusValidator, 80, at.Add(time.Duration(n)*time.Minute)),
			l.ride(clearingtest.OtherCard, clearingtest.MetroGate, 300, at.Add(time.Duration(n)*time.Minute)))...)
	}
	gatherer, err := load.NewPoster(ctx, l.Ledger, "authorised", "test", 0, nil)
	l.must(err)
	authority := &load.Authority{
		Registry: l.town.Registry, Keys: keys.NewKeyring(l.town.Keys), Poster: gatherer, Books: l.Ledger, Rules: l.town.Rules.Loads, Fresh: l.town.Rules.Fresh, Now: func() time.Time { return at },
		Stream: "waiting", Owner: "test",
	}
	for n, card := range []string{clearingtest.Card, clearingtest.Card, clearingtest.OtherCard} {
		_, err = authority.Authorise(ctx, l.town.LoadRequest(card, fmt.Sprintf("order-%d", n+1), uint16(n), 0, 5000, at))
		l.must(err)
	}
	gatherer.Close()
	for _, order := range []string{"waits", "taken", "back"} {
		_, err := authority.Place(ctx, &load.PlaceOrder{Channel: "counter", Order: order, Card: clearingtest.Card, Fen: 2000})
		l.must(err)
	}
	taken := l.town.LoadRequest(clearingtest.Card, "taken", 7, 0, 2000, at)
	taken.Placer = string(load.PlacedBy("counter"))
	_, err = authority.Authorise(ctx, taken)
	l.must(err)
	records = append(records, to(message.TopicLoads, clearingtest.Encode(l.town.Load(clearingtest.Card, 0, 5000, 15_000, at))),
		l.claim("s1", "outpatient", "h1", 20_000, at), l.claim("s2", "inpatient", "h2", 300_000, at), l.claim("s1", "outpatient", "h1", 20_000, at),
		to(message.TopicPensionBatches, clearingtest.Encode(&message.PensionBatch{
			Batch: "b1", Month: "202601", Payday: "20260105", Lines: []*message.PensionLine{{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: 300_000}},
		})))
	for _, fen := range []uint32{70, 75, 0} {
		l.unproved = append(l.unproved, l.ride(clearingtest.Card, clearingtest.BusValidator, fen, at))
	}
	l.intake("", append(records, withoutTAC(l.unproved...)...)...)
	l.intake("", to(message.TopicPensionResults, clearingtest.Encode(&message.PensionResult{
		Batch: "b1", Month: "202601", Returns: []*message.PensionReturn{{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: 300_000, Cause: "账户状态异常"}},
	})))
	l.decide(firstLived)
	l.limits()
	l.deputies()
	l.hold(firstLived)
}

// decide refunds loads that were not written, releases suspended transfers and corrects one.
func (l *lived) decide(day ledger.Day) {
	for n, card := range map[uint16]string{1: clearingtest.Card, 2: clearingtest.OtherCard} {
		two(l, release.KindRefund, release.Refund{
			Card: identity.CardOf(clearingtest.CardID(card)).Digits(), Order: fmt.Sprintf("order-%d", n+1), NotWritten: true,
		})
	}
	two(l, load.KindWithdraw, load.Withdraw{Placer: load.PlacedBy("counter"), Order: "back"})
	office := &release.Office{Ledger: l.Ledger}
	var rows []string
	l.must(office.List(l.Context(), release.Filter{First: day, Last: day, Reason: verdict.UnknownTerminal}, func(s release.Suspended) error {
		rows = append(rows, release.RowName(s.Row))
		return nil
	}))
	for _, row := range rows {
		two(l, release.KindRelease, release.Releases{Rows: []release.Payee{{Row: row, To: chart.Operator("bus")}}, Because: "listed late"})
	}
	for n, as := range []unconfirmed.Decision{unconfirmed.CodeLost, unconfirmed.CodeLost, unconfirmed.WasNotDebited} {
		two(l, unconfirmed.KindResolve, unconfirmed.Resolve{Row: unconfirmed.RowName(unconfirmed.KeyOf(l.unproved[n])), As: as, Because: "the camera"})
	}
	two(l, release.KindCorrect, release.Correction{Row: rows[0], To: chart.Operator("metro"), Because: "the wrong depot"})
}

// hold makes two holds and posts one in part.
func (l *lived) hold(day ledger.Day) {
	hold := func(id ledger.ID, act ledger.Act, fen ledger.Fen) ledger.Transfer {
		return ledger.Transfer{
			Day: day, Subject: "visit", ID: id, Act: act, Amount: fen, Debit: ledger.IDOfCode(chart.Fund("employee")), Credit: ledger.IDOfCode(chart.Hospital("h1")),
		}
	}
	first, second, posted := hold("h1", ledger.Hold, 700), hold("h2", ledger.Hold, 400), hold("h1", ledger.PostHold, 300)
	second.Expires, posted.Now = noonOf(day).AddDate(1, 0, 0), noonOf(day)
	postOnce(l.T, l.Ledger, "desk", first, second)
	postOnce(l.T, l.Ledger, "desk", posted)
}

func (l *lived) close(day ledger.Day) {
	_, err := l.closer.Close(l.Context(), day, day.Next())
	l.must(err)
}

// late books an adjustment in the reopened day.
func (l *lived) late() {
	lease, err := l.Lease(l.Context(), "adjustments", "test", firstLived)
	l.must(err)
	_, err = l.Post(l.Context(), &ledger.Batch{
		Stream: lease.Stream, Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: lease.Day, Transfers: []ledger.Transfer{{
			Day: firstLived, Subject: "a depot's file", ID: "1", Debit: ledger.IDOfCode(chart.Reserve), Credit: ledger.IDOfCode(chart.Operator("bus")), Amount: 1234,
			Purpose: chart.PurposeReceipt, Evidence: []byte("file 7"),
		}},
	})
	l.must(err)
}

func (l *lived) secondDay() {
	at := noonOf(secondLived)
	var list []*message.Tap
	l.sequence += 5 // a gap in the card's counter
	for n := range 6 {
		list = append(list, l.ride(clearingtest.Card, clearingtest.BusValidator, 80, at.Add(time.Duration(n)*time.Minute)))
	}
	again := withoutTAC(l.ride(clearingtest.OtherCard, clearingtest.MetroGate, 85, at)) // stays open
	list = append(list, l.unproved[0])                                                  // its TAC has come
	l.intake("", append(append(taps(list...), again...), l.claim("s3", "outpatient", "h1", 50_000, at))...)
}

// thirdDay is under way: what is rejected cannot be sent.
func (l *lived) thirdDay() {
	at := noonOf(thirdLived)
	var records []*kgo.Record
	for n := range 4 {
		wrong := l.ride(clearingtest.Card, clearingtest.BusValidator, 80, at.Add(time.Duration(n)*time.Minute))
		wrong.Debit.Tac[1] ^= 1
		records = append(records, taps(l.ride(clearingtest.Card, clearingtest.MetroGate, 300, at.Add(time.Duration(n)*time.Minute)), wrong)...)
	}
	l.intake(message.TopicRejectsTransit, records...)
}
