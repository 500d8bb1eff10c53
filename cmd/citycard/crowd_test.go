package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"citycard/broker/kafkatest"
	"citycard/clearing/chart"
	"citycard/clearing/settlement"
	"citycard/cmd/books"
	"citycard/ledger"
	"citycard/ledger/embedded"
	"citycard/ledger/shadow"
	"citycard/simulators/truth"
)

// dayRecords is roughly the number of records in a day of these tests. DAY_RECORDS in the
// environment changes it.
const dayRecords = 35_000

// crowdDay is a day of a city without chips, five records in a hundred at fault, on
// its way into the books of serving processes.
type crowdDay struct {
	*testing.T
	programs
	data, field string // of citycard, of cardsim
	city        []string
	kafka       *kafkatest.Broker // nil: the server's own
	kafkaAddr   string
	database    *embedded.Database // nil: the server's own
	books       *ledger.Ledger     // to see how far they are
	servers     []*process
}

// newCrowdDay issues the city.
func newCrowdDay(t *testing.T, p programs) *crowdDay {
	t.Helper()
	records := dayRecords
	if text := os.Getenv("DAY_RECORDS"); text != "" {
		var err error
		if records, err = strconv.Atoi(text); err != nil {
			t.Fatalf("DAY_RECORDS: %v", err)
		}
	}
	dir := reachableDir(t)
	d := &crowdDay{T: t, programs: p.fresh(t), data: filepath.Join(dir, "data"), field: filepath.Join(dir, "field")}
	riders := max(200, records*10/54) // 5.4 records of a rider
	d.city = []string{
		"--direct", "--data", d.field, "--cards", strconv.Itoa(2 * riders), "--riders", strconv.Itoa(riders), "--seed", "11", "--keys", d.keyFile(),
		"--day", testDay, "--duplicates", "0.025",
	}
	d.testKeys(t, d.data, 11)
	d.run(t, "cardsim", append([]string{"issue"}, d.city[:9]...)...)
	return d
}

func (d *crowdDay) keyFile() string { return filepath.Join(d.data, "keys.age") }

// share starts a real Kafka and a database that processes share.
func (d *crowdDay) share() {
	d.Helper()
	d.kafka = kafkatest.Start(d)
	d.kafkaAddr = d.kafka.Addr
	var err error
	if d.database, err = embedded.Open(d.Context(), embedded.Options{Dir: filepath.Join(filepath.Dir(d.data), "database")}); err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() {
		if err := d.database.Close(); err != nil {
			d.Error(err)
		}
	})
}

// serve starts a process on the shared broker and database, or with its own if none are shared.
func (d *crowdDay) serve() *process {
	d.Helper()
	number, ops := len(d.servers), kafkatest.FreePort(d.T)
	s := &process{T: d.T, programs: d.programs, ops: fmt.Sprintf("127.0.0.1:%d", ops), args: []string{
		"serve", "--demo", "--examples", "--day", testDay, "--data", d.data, "--keys", d.keyFile(), "--registry", filepath.Join(d.field, "registry"),
		"--api", "127.0.0.1:0", "--ops", fmt.Sprintf("127.0.0.1:%d", ops),
	}}
	if d.database == nil {
		port := kafkatest.FreePort(d.T)
		d.kafkaAddr = fmt.Sprintf("127.0.0.1:%d", port)
		s.args = append(s.args, "--kafka-port", strconv.Itoa(port))
	} else {
		s.args = append(s.args, "--data", fmt.Sprintf("%s-%d", d.data, number), "--db", d.database.URL, "--kafka", d.kafkaAddr)
	}
	s.start()
	s.ready()
	d.servers = append(d.servers, s)
	if d.books == nil {
		d.books = d.look()
	}
	return s
}

// served is the data directory of the first process.
func (d *crowdDay) served() []string {
	if d.database != nil {
		return []string{"--data", d.data + "-0"}
	}
	return []string{"--data", d.data}
}

// url is the database's.
func (d *crowdDay) url() string {
	if d.database != nil {
		return d.database.URL
	}
	return embedded.Running(books.PrivateDir(d.data))
}

func (d *crowdDay) look() *ledger.Ledger {
	d.Helper()
	pool, dialect, err := ledger.Connect(d.Context(), d.url(), 1)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(pool.Close)
	return ledger.New(pool, dialect)
}

// broker are the flags with which programs reach the broker.
func (d *crowdDay) broker() []string {
	flags := []string{"--kafka", d.kafkaAddr}
	if d.kafka == nil {
		access := serverAccess(d.data)
		flags = append(flags, "--kafka-user", access.User, "--kafka-password-file", access.PasswordFile)
	}
	return flags
}

// send plays the n-th of the given number of parts of the day; the returned function waits for its
// end.
func (d *crowdDay) send(n, parts int, more ...string) (sent func()) {
	d.Helper()
	args := slices.Concat([]string{"city", "--part", fmt.Sprintf("%d/%d", n, parts)}, d.broker(), d.city)
	play := d.command(d.Context(), "cardsim", append(args, more...)...)
	ended := make(chan error, 1)
	go func() {
		out, err := play.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("part %d of the day: %w\n%s", n, err, out)
		}
		ended <- err
	}()
	return func() {
		d.Helper()
		if err := <-ended; err != nil {
			d.Fatal(err)
		}
	}
}

// booked is the number of records of the tap topic that are in the books, -1 while the database
// does not answer.
func (d *crowdDay) booked() (n int64) {
	for partition := range 4 {
		stream, err := d.books.Stream(d.Context(), fmt.Sprintf("taps/%d", partition))
		if err != nil {
			return -1
		}
		n += stream.Next
	}
	return n
}

// during sends the n-th part of the day, runs a fault once a little of the part is in the books,
// and waits until all of it is sent and all processes serve.
func (d *crowdDay) during(n, parts int, happen func()) {
	d.Helper()
	before := d.booked()
	sent := d.send(n, parts)
	d.servers[0].until(5*time.Minute, "booking the next part of the day", func() bool { return d.booked() > before })
	happen()
	sent()
	for _, s := range d.servers {
		s.ready()
	}
}

// closes closes a clearing day and returns what its settlement files say each
// operator is owed.
func (d *crowdDay) closes(day string) map[string]int64 {
	d.Helper()
	begun := time.Now()
	out := d.run(d.T, "citycard", append([]string{"day", "close", "--day", day}, d.served()...)...)
	d.Logf("waited for and closed %s in %.1f s", day, time.Since(begun).Seconds())
	said := regexp.MustCompile(`settlement files in (\S+)`).FindStringSubmatch(out)
	if said == nil {
		d.Fatalf("close says %q", out)
	}
	index, err := settlement.Verify(said[1])
	if err != nil {
		d.Fatal(err)
	}
	owed := map[string]int64{}
	for _, e := range index.Entries {
		if strings.HasPrefix(e.Participant, "operator:") && e.Fen != 0 {
			owed[e.Participant] = e.Fen
		}
	}
	return owed
}

// agrees compares the books and the settlement files with the truth, ends the servers, and returns
// the books' last balances.
func (d *crowdDay) agrees(owed map[string]int64) map[string]ledger.Fen {
	d.Helper()
	var c struct {
		Agrees bool    `json:"agrees"`
		Sent   int     `json:"sent"`
		Second float64 `json:"seconds"`
	}
	check := d.command(d.Context(), "cardsim", "check", "--data", d.field, "--db", d.url(), "--json")
	out, err := check.Output()
	if err := errors.Join(err, json.Unmarshal(out, &c)); err != nil {
		d.Fatalf("cardsim check: %v\n%s", err, out)
	}
	peakMB := int64(0)
	if usage, ok := check.ProcessState.SysUsage().(*syscall.Rusage); ok {
		peakMB = usage.Maxrss / 1024
	}
	want, err := truth.ReadSummary(filepath.Join(d.field, "truth"))
	if err != nil {
		d.Fatal(err)
	}
	faults := 0
	for _, n := range want.Faults {
		faults += n
	}
	if !c.Agrees || c.Sent != want.Sent || faults*20 < want.Sent {
		d.Errorf("%d records, %d at fault: %s", want.Sent, faults, out)
	}
	for payee, fen := range want.Payees {
		if strings.HasPrefix(payee, "operator:") && owed[payee] != fen {
			d.Errorf("%s is owed %d fen by the settlement files, want %d", payee, owed[payee], fen)
		}
	}
	var v verification
	text := d.run(d.T, "citycard", "verify", "--data", d.data, "--db", d.url(), "--json")
	if err := json.Unmarshal([]byte(text), &v); err != nil || !v.Holds {
		d.Errorf("verify: %v\n%s", err, text)
	}
	d.Logf("%d records, %d at fault, checked in %.1f s and %d MB: %v", want.Sent, faults, c.Second, peakMB, c.Agrees)
	balances := d.balances()
	for _, s := range d.servers {
		s.signal(syscall.SIGTERM)
	}
	return balances
}

// balances are each account's debits and credits of all days, and what each card
// should hold.
func (d *crowdDay) balances() map[string]ledger.Fen {
	d.Helper()
	last, err := ledger.ParseDay(testDay)
	if err != nil {
		d.Fatal(err)
	}
	accounts, err := d.books.Trial(d.Context(), last.Next())
	if err != nil {
		d.Fatal(err)
	}
	balances := map[string]ledger.Fen{}
	for _, a := range accounts {
		balances[a.Account.Code+" debits"] = a.Before.Debits + a.Day.Debits
		balances[a.Account.Code+" credits"] = a.Before.Credits + a.Day.Credits
	}
	err = shadow.Balances(d.Context(), d.books, ledger.IDOfCode(chart.Float), func(subject ledger.Subject, fen ledger.Fen) error {
		balances[fmt.Sprintf("card %x", string(subject))] = fen
		return nil
	})
	if err != nil {
		d.Fatal(err)
	}
	return balances
}
