package intake_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/clearing/quarantine"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/verify"
)

// keptAlone lists what is kept alone and was not judged again, in the order of its places,
// and holds the count of it against the list.
func (h *house) keptAlone() (list []*quarantine.Record) {
	h.Helper()
	h.must(quarantine.List(h.Context(), h.ledger, today, today.Add(10), func(r *quarantine.Record) error {
		if r.Judged == "" {
			list = append(list, r)
		}
		return nil
	}))
	open, err := quarantine.Open(h.Context(), h.ledger)
	h.must(err)
	if open != len(list) {
		h.Errorf("%d records are said to be kept alone, %d are", open, len(list))
	}
	return list
}

// verify replays the books; signer is whose seals they may have.
func (h *house) verify(signer ...ed25519.PublicKey) {
	h.Helper()
	_, err := verify.Books(h.Context(), h.ledger, append(signer, nil)[0], func(f verify.Fault) { h.Error(f) })
	h.must(err)
}

// TestClaimOfNobody sends claims without a person, and with more or less of one, among them
// a record of no bytes: each is refused and kept, none is answered, and what comes behind
// and beside them is booked by the same process.
func TestClaimOfNobody(t *testing.T) {
	h := newHouse(t)
	nobody := claim("s1", clearingtest.Worker)
	nobody.Person = nil
	part := claim("s2", clearingtest.Worker)
	part.Person = part.Person[:15]
	endless := claim("s3", clearingtest.Worker)
	endless.Person = make([]byte, 900_000)
	talkative := claim("s4", clearingtest.Worker)
	talkative.Visit = strings.Repeat("v", 5000)
	h.send(sent{message.TopicMedicalRequests, 0, nil}, request(nobody), request(part), request(endless), request(talkative),
		request(claim("good", clearingtest.Worker)), tap(h.ride(1)))
	answers := h.answersTo(1)
	if len(answers) != 1 || len(answers["good"]) != 1 || answers["good"][0].GetRefusal() != "" {
		t.Errorf("answered %v, want the good claim alone", answers)
	}
	// The empty one is one piece, the long one has 14, the talkative one is one as well.
	if kept := h.kept(); kept["reject invalid_field"] != 18 || len(kept) != 1 {
		t.Errorf("kept %v, want 18 pieces of five refused claims", kept)
	}
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80})
	h.verify()
}

// TestLongLines sends a bank's answer and a list with more in them than the ledger takes as
// evidence of one row: the line is refused and kept whole, and what is behind it is booked.
func TestLongLines(t *testing.T) {
	h := newHouse(t)
	result := func(cause string) sent {
		return sent{message.TopicPensionResults, 0, clearingtest.Encode(&message.PensionResult{
			Batch: "b1", Month: "202601", Returns: []*message.PensionReturn{{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: 300_000, Cause: cause}},
		})}
	}
	h.send(sent{message.TopicPensionBatches, 0, clearingtest.Encode(&message.PensionBatch{
		Batch: "b1", Month: "202601", Payday: "20260105", Lines: []*message.PensionLine{{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: 300_000}},
	})})
	h.clear()
	long := strings.Repeat("长", 25_000)
	h.send(result(long), result("账户状态异常"), tap(h.ride(1)))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionFund: 700_000, chart.PensionPayout: 0, chart.PensionReturned: 300_000, "operator:bus": 80})
	var whole []byte
	h.must(h.ledger.ScanMemos(t.Context(), today, today, func(row ledger.Row) error {
		if row.Kind != docket.KindReject || row.Reason != "invalid_field" {
			t.Errorf("kept as %s %s", row.Kind, row.Reason)
		}
		whole = append(whole, row.Evidence...)
		return nil
	}))
	var kept message.PensionResult
	h.must(proto.Unmarshal(whole, &kept))
	if len(kept.GetReturns()) != 1 || kept.GetReturns()[0].GetCause() != long {
		t.Errorf("%d bytes are kept, want the line whole", len(whole))
	}
}

// spoiled has the database refuse some claims for good: a constraint that no rule knows of.
func (h *house) spoiled() {
	h.Helper()
	_, err := h.ledger.Pool().Exec(h.Context(), "ALTER TABLE medical_settlements ADD CONSTRAINT spoiled CHECK (settlement NOT LIKE 'spoiled%')")
	h.must(err)
}

func (h *house) unspoiled() {
	h.Helper()
	_, err := h.ledger.Pool().Exec(h.Context(), "ALTER TABLE medical_settlements DROP CONSTRAINT spoiled")
	h.must(err)
}

// TestKeptAlone sends claims that the database refuses for good among many that it takes:
// those alone are kept, with their bytes and the error, once, and are not answered; all
// others are settled.
func TestKeptAlone(t *testing.T) {
	h := newHouse(t)
	h.spoiled()
	var messages []sent
	var bad []int64
	for i := range 60 {
		name := fmt.Sprintf("s%d", i)
		if i == 0 || i == 17 || i == 18 || i == 59 {
			name, bad = fmt.Sprintf("spoiled%d", i), append(bad, int64(i))
		}
		m := claim(name, clearingtest.Retired)
		m.InScopeFen, m.OwnPayFen = 0, 20_000
		m.Kind = "inpatient"
		messages = append(messages, request(m))
	}
	h.send(messages...)
	h.clear()
	list := h.keptAlone()
	var offsets []int64
	for _, r := range list {
		offsets = append(offsets, r.Place.Offset)
		if !bytes.Equal(r.Value, messages[r.Place.Offset].value) || r.Reason != verdict.Unbookable || !strings.Contains(r.Cause, "23514") {
			t.Errorf("%s is kept as %s for %q with %x", r.Name(), r.Reason, r.Cause, r.Value)
		}
		if r.Name() != fmt.Sprintf("medical.requests/0@%d", r.Place.Offset) || r.Day != today || r.Place.At.IsZero() {
			t.Errorf("%s is kept on %s, as of %s", r.Name(), r.Day, r.Place.At)
		}
	}
	if !slices.Equal(offsets, bad) {
		t.Errorf("offsets %d are kept alone, want %d", offsets, bad)
	}
	answers := h.answersTo(len(messages) - len(bad))
	for name, of := range answers {
		if strings.HasPrefix(name, "spoiled") || of[0].GetRefusal() != "" {
			t.Errorf("%s was answered %v", name, of)
		}
	}
	h.verify()
}

// TestPanic has the rules panic on a long record: it is kept alone in pieces, and what is
// before and behind it is booked.
func TestPanic(t *testing.T) {
	h := newHouse(t)
	long := bytes.Repeat([]byte("long"), 50_000)
	h.spoil = func(all map[string]func() intake.Rules) {
		make := all[message.TopicPensionBatches]
		all[message.TopicPensionBatches] = func() intake.Rules {
			r := make()
			rule := r.Rule
			r.Rule = func(ctx context.Context, records []docket.Record, d *docket.Docket) (intake.Judged, error) {
				for _, record := range records {
					if bytes.Equal(record.Value, long) {
						panic("the rules cannot bear it")
					}
				}
				return rule(ctx, records, d)
			}
			return r
		}
	}
	batch := func(month string) sent {
		return sent{message.TopicPensionBatches, 0, clearingtest.Encode(&message.PensionBatch{
			Batch: "b" + month, Month: month, Payday: "20260105", Lines: []*message.PensionLine{{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: 300_000}},
		})}
	}
	h.send(batch("202512"), sent{message.TopicPensionBatches, 0, long}, batch("202601"))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionPayout: 600_000})
	list := h.keptAlone()
	if len(list) != 1 || list[0].Name() != "pension.batches/0@1" || !bytes.Equal(list[0].Value, long) || list[0].Cause != "panic: the rules cannot bear it" {
		t.Errorf("%d kept alone, want the long record whole", len(list))
	}
	h.verify()
}

// TestAccountAway freezes the float: taps wait, and while there is patience nothing of them
// is booked; then they are kept alone, each with its bytes, without waiting again for each;
// and once the float moves again the next ones are booked.
func TestAccountAway(t *testing.T) {
	h := newHouse(t)
	h.patience = 500 * time.Millisecond
	h.must(h.ledger.MarkAccount(t.Context(), chart.Float, ledger.Marks{Frozen: true}, clearingtest.Approved()))
	var messages []sent
	const taps = 200
	for i := range taps {
		messages = append(messages, tap(h.ride(uint32(i))))
	}
	h.send(messages...)
	in := h.intake("test")
	ended, stop := h.run(in)
	h.awaitReady(in, ended, "taps/0 makes no progress")
	if list := h.keptAlone(); len(list) > 0 {
		t.Errorf("%d are kept alone at once, want them to wait first", len(list))
	}
	begun := time.Now()
	h.must(intake.Await(t.Context(), h.client, h.ledger, nil))
	if took := time.Since(begun); took > taps*h.patience/4 {
		t.Errorf("it took %s, so each waited for itself", took)
	}
	list := h.keptAlone()
	if len(list) != taps {
		t.Errorf("%d are kept alone, want %d", len(list), taps)
	}
	for i, r := range list {
		if r.Place.Offset != int64(i) || !bytes.Equal(r.Value, messages[i].value) || r.Reason != verdict.AccountAway || !strings.Contains(r.Cause, chart.Float) {
			t.Fatalf("%s is kept as %s for %q", r.Name(), r.Reason, r.Cause)
		}
	}
	h.must(h.ledger.MarkAccount(t.Context(), chart.Float, ledger.Marks{}, clearingtest.Approved()))
	h.send(tap(h.ride(taps)))
	h.must(intake.Await(t.Context(), h.client, h.ledger, nil))
	stop()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80, chart.Float: -80})
	h.verify()
}

// TestVersionsKeptAlone sends, while the float is frozen, two versions of one tap in one batch:
// each is kept alone with its own bytes, under the place where it was.
func TestVersionsKeptAlone(t *testing.T) {
	h := newHouse(t)
	h.patience = time.Millisecond
	h.must(h.ledger.MarkAccount(t.Context(), chart.Float, ledger.Marks{Frozen: true}, clearingtest.Approved()))
	var versions []sent
	for _, fen := range []uint32{80, 90, 100} {
		versions = append(versions, tap(h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 7, Fen: fen, At: noon(5)})))
	}
	h.send(versions...)
	h.clear()
	list := h.keptAlone()
	if len(list) != len(versions) {
		t.Fatalf("%d are kept alone, want %d", len(list), len(versions))
	}
	for i, r := range list {
		if r.Place.Offset != int64(i) || !bytes.Equal(r.Value, versions[i].value) || r.Reason != verdict.AccountAway {
			t.Errorf("%s is kept as %s, with the bytes of its offset: %v", r.Name(), r.Reason, bytes.Equal(r.Value, versions[i].value))
		}
	}
}

// TestAccountClosed closes the float, which no waiting opens: a tap is kept alone at once, however
// much patience there is.
func TestAccountClosed(t *testing.T) {
	h := newHouse(t)
	h.patience = time.Hour
	h.must(h.ledger.MarkAccount(t.Context(), chart.Float, ledger.Marks{Closed: true}, clearingtest.Approved()))
	h.send(tap(h.ride(0)))
	in := h.intake("test")
	_, stop := h.run(in)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	h.must(intake.Await(ctx, h.client, h.ledger, nil))
	stop()
	if list := h.keptAlone(); len(list) != 1 || list[0].Reason != verdict.AccountAway || !strings.Contains(list[0].Cause, chart.Float) {
		t.Errorf("kept alone: %+v, want the tap, because of %s", list, chart.Float)
	}
}

// TestAccountNotOpenYet sends a claim of a hospital that is registered and whose account is
// opened a moment later: the claim waits for it and is settled, not refused.
func TestAccountNotOpenYet(t *testing.T) {
	h := newHouse(t)
	h.town.Registry = clearingtest.New(t, func(files map[string]string) { files["hospitals.csv"] += "h2,二院,Second,3,20200101,\n" }).Registry
	elsewhere := claim("s1", clearingtest.Worker)
	elsewhere.Hospital = "h2"
	h.send(request(elsewhere))
	in := h.intake("test")
	ended, stop := h.run(in)
	h.awaitReady(in, ended, "medical.requests/0 makes no progress")
	h.must(h.ledger.OpenAccounts(t.Context(), chart.Accounts(h.town.Registry.Current())))
	h.must(intake.Await(t.Context(), h.client, h.ledger, nil))
	stop()
	if h.balance("hospital:h2") == 0 {
		t.Error("the claim was not settled once the account was open")
	}
	if kept := h.kept(); len(kept) != 0 {
		t.Errorf("kept %v, want nothing refused", kept)
	}
}

// TestClaimKeptAlone sends, with others, a claim of a hospital whose account nobody opens: it is
// kept alone and not answered, and the next claim of the same person is split as if it had
// never come. Judged again once the account is open, it is settled and answered.
func TestClaimKeptAlone(t *testing.T) {
	h := newHouse(t)
	h.patience = 50 * time.Millisecond
	h.town.Registry = clearingtest.New(t, func(files map[string]string) { files["hospitals.csv"] += "h2,二院,Second,3,20200101,\n" }).Registry
	elsewhere := claim("s1", clearingtest.Worker)
	elsewhere.Hospital = "h2"
	h.send(request(elsewhere), request(elsewhere), request(claim("s2", clearingtest.Worker)), request(claim("s3", clearingtest.Retired)))
	answers := h.answersTo(2)
	if len(answers["s2"]) != 1 || answers["s2"][0].GetRefusal() != "" || len(answers["s3"]) != 1 {
		t.Errorf("answered %v, want the claims of the other hospital settled", answers)
	}
	list := h.keptAlone()
	if len(list) == 0 || list[0].Name() != "medical.requests/0@0" || list[0].Reason != verdict.AccountAway || !bytes.Equal(list[0].Value, clearingtest.Encode(elsewhere)) {
		t.Fatalf("%d are kept alone, want the claim whose account is not open", len(list))
	}
	other := newHouse(t)
	other.send(request(claim("s2", clearingtest.Worker)))
	if alone := other.answersTo(1)["s2"][0]; !proto.Equal(alone, answers["s2"][0]) {
		t.Errorf("the next claim was answered %v, alone it is %v", answers["s2"][0], alone)
	}
	var sent int
	h.must(h.ledger.Pool().QueryRow(t.Context(), "SELECT count(*) FROM outbound WHERE topic = $1", message.MedicalResultsOf("h2")).Scan(&sent))
	if sent != 0 {
		t.Errorf("%d messages wait, want none about the claim", sent)
	}
	h.must(h.ledger.OpenAccounts(t.Context(), chart.Accounts(h.town.Registry.Current())))
	if verdicts := h.judgeAgain(list[0]); verdicts[0] != "cleared" {
		t.Errorf("judged %s, want cleared", verdicts[0])
	}
	stop := h.start("test")
	h.cleared()
	records := h.read(message.MedicalResultsOf("h2"), 1)
	h.must(stop())
	var answer message.MedicalResult
	h.must(proto.Unmarshal(records[0].Value, &answer))
	if answer.GetRefusal() != "" || ledger.Fen(answer.GetFundFen()+answer.GetAccountFen()) != h.balance("hospital:h2") || h.balance("hospital:h2") == 0 {
		t.Errorf("answered %v, and the hospital has %d", &answer, h.balance("hospital:h2"))
	}
	h.verify()
}

// TestFirstAnswerStands settles a claim, then another that uses up deductible and account,
// and sends the first once more: it is answered as it was the first time, and moves nothing.
func TestFirstAnswerStands(t *testing.T) {
	h := newHouse(t)
	h.send(request(claim("first", clearingtest.Worker)))
	first := h.answersTo(1)["first"]
	other := claim("other", clearingtest.Worker)
	other.TotalFen, other.InScopeFen = 300_000, 300_000
	h.send(request(other))
	h.clear()
	before := h.balance("hospital:h1")
	h.send(request(claim("first", clearingtest.Worker)), request(claim("probe", clearingtest.Worker)))
	answers := h.answersTo(4)
	for _, again := range answers["first"] {
		if !proto.Equal(again, first[0]) {
			t.Errorf("the repeat was answered %v, first %v", again, first[0])
		}
	}
	if len(answers["first"]) != 2 {
		t.Errorf("%d answers to the first claim, want 2", len(answers["first"]))
	}
	probe := answers["probe"][0]
	if probe.GetFundFen() == first[0].GetFundFen() && probe.GetAccountFen() == first[0].GetAccountFen() && probe.GetDeductibleFen() == first[0].GetDeductibleFen() {
		t.Errorf("a like claim is split as the first one was (%v): the test shows nothing", probe)
	}
	if moved := int64(h.balance("hospital:h1") - before); moved != probe.GetFundFen()+probe.GetAccountFen() {
		t.Errorf("%d fen moved, want those of the probe alone", moved)
	}
	if kept := h.kept(); len(kept) != 0 {
		t.Errorf("kept %v, want no dispute", kept)
	}
}
