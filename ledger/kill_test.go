package ledger_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

const (
	clientURL    = "CITYCARD_TEST_CLIENT_DATABASE" // makes the test binary a client of this database
	clientFrom   = "CITYCARD_TEST_CLIENT_FROM"     // where each of its callers goes on
	killCallers  = 4                               // callers of the gatherer; one more posts batches
	killSteps    = 60
	killedTimes  = 8
	fundAtStart  = 5000
	callerStride = 1000
)

// clientChain is what a caller posts as its step n: money held, the hold before it ended in one of
// four ways, and something moved with it. So a chain that came half would show.
func clientChain(caller, n int) []ledger.Transfer {
	id := callerStride*(caller+1) + 10*n
	random := rand.New(rand.NewPCG(uint64(caller), uint64(n)))
	chain := []ledger.Transfer{hold(id, ledger.Fen(20+random.IntN(60))), transfer(id+1, "float", "operator:metro", 1)}
	if n == 0 {
		return chain
	}
	end := on(id-10, []ledger.Act{ledger.PostHold, ledger.VoidHold, ledger.ExpireHold, ledger.PostHold}[n%4], 0)
	switch n % 4 {
	case 2:
		end = afterwards(end)
	case 3:
		end.Amount = 7
	}
	if n%5 == 4 { // this one is left as it is
		return chain
	}
	return append(chain, end)
}

// runClient works until it is done or killed: callers share a gatherer, one posts batches of its
// own. What was answered is written out, a line a transfer.
func runClient(url string, out io.Writer) error {
	ctx := context.Background()
	pool, dialect, err := ledger.Connect(ctx, url, 6)
	if err != nil {
		return err
	}
	defer pool.Close()
	l := ledger.New(pool, dialect)
	if _, err = l.Accounts(ctx); err != nil {
		return err
	}
	g, err := l.NewGatherer(ctx, "desk", "client", 1, time.Millisecond)
	if err != nil {
		return err
	}
	defer g.Close()
	var from [killCallers + 1]int
	for i, text := range strings.Fields(os.Getenv(clientFrom)) {
		if _, err = fmt.Sscan(text, &from[i]); err != nil {
			return err
		}
	}
	posts := func(chain []ledger.Transfer) ([]ledger.Decision, error) { return g.Post(ctx, chain) }
	var mu sync.Mutex
	var group sync.WaitGroup
	failed := make(chan error, killCallers+1)
	for caller := range killCallers + 1 {
		post := posts
		if caller == killCallers {
			post = ownStream(ctx, l)
		}
		group.Go(func() {
			for n := from[caller]; n < killSteps; n++ {
				chain := clientChain(caller, n)
				decisions, err := post(chain)
				if err != nil {
					failed <- err
					return
				}
				mu.Lock()
				for i, d := range decisions {
					fmt.Fprintf(out, "%d %d %x %v %d\n", caller, n, rowID(&chain[i]), d.Result, int64(d.Amount))
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	close(failed)
	return <-failed
}

// ownStream posts chains as batches of a stream of its own.
func ownStream(ctx context.Context, l *ledger.Ledger) func([]ledger.Transfer) ([]ledger.Decision, error) {
	lease, leaseErr := l.Lease(ctx, "batches", "client", 0)
	return func(chain []ledger.Transfer) ([]ledger.Decision, error) {
		if leaseErr != nil {
			return nil, leaseErr
		}
		out, err := l.Post(ctx, &ledger.Batch{
			Stream: lease.Stream, Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: lease.Day, Transfers: linked(chain...),
		})
		if err != nil {
			return nil, err
		}
		lease.Next++
		return out.Transfers, nil
	}
}

// told is what callers were answered: the amounts under the ids that went in, and how far each
// caller came.
type told struct {
	amounts map[string]ledger.Fen
	steps   [killCallers + 1]int
	lines   int
}

func (a *told) read(line string) error {
	var caller, n int
	var id, result string
	var amount ledger.Fen
	if _, err := fmt.Sscan(line, &caller, &n, &id, &result, &amount); err != nil {
		return fmt.Errorf("the client wrote %q: %w", line, err)
	}
	a.lines++
	a.steps[caller] = max(a.steps[caller], n)
	if result == "inserted" || result == "duplicate" {
		a.amounts[id] = amount
	}
	return nil
}

// goOn is where the callers go on after a kill: what was answered last is posted again.
func (a *told) goOn() string {
	var text []string
	for _, n := range a.steps {
		text = append(text, fmt.Sprint(max(0, n-1)))
	}
	return strings.Join(text, " ")
}

// TestClientKilled kills a posting process again and again, while somebody reads. Every read
// balances and no limit is exceeded; what was answered is there; and when all was posted once more,
// nothing is there twice and every hold is in one state.
func TestClientKilled(t *testing.T) {
	url := ledgertest.New(t)
	b := openBooks(t, ledgertest.Connect(t, url, 4))
	b.post([]ledger.Transfer{transfer(1, "reserve", "fund", fundAtStart)})
	var done atomic.Bool
	var readers sync.WaitGroup
	readers.Go(func() { watch(t, url, &done) })
	heard := &told{amounts: make(map[string]ledger.Fen)}
	random := rand.New(rand.NewPCG(3, 4))
	for range killedTimes {
		client(t, url, heard, heard.goOn(), 1+random.IntN(80))
		// This comes before anything is posted again, because that would hide a loss.
		b.nothingLost(heard)
	}
	if left := strings.Count(heard.goOn(), fmt.Sprint(killSteps-2)); left == killCallers+1 {
		t.Error("the client was done before it was killed often enough: the test tested little")
	}
	client(t, url, heard, "", 0)
	done.Store(true)
	readers.Wait()
	b.wholeAfter(heard)
}

// client runs the client from where it is told to, and kills it after so many lines (0: not at
// all).
func client(t *testing.T, url string, heard *told, from string, lines int) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), clientURL+"="+url, clientFrom+"="+from)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	text := bufio.NewScanner(out)
	for n := 1; text.Scan(); n++ {
		if err = heard.read(text.Text()); err != nil && n < lines {
			t.Error(err)
		}
		if n == lines {
			// What it had written by then is still read.
			_ = command.Process.Kill()
		}
	}
	if err = command.Wait(); (err != nil) != (lines > 0) {
		t.Errorf("the client, to be killed after %d lines, ended with %v", lines, err)
	}
}

// nothingLost checks that what callers were told is in the journal, and returns how often each act
// is.
func (b *books) nothingLost(heard *told) map[ledger.Act]int {
	b.t.Helper()
	stands := make(map[string]ledger.Fen)
	acts := make(map[ledger.Act]int)
	b.must(b.Scan(context.Background(), today, today, func(r ledger.Row) error {
		acts[r.Act]++
		stands[hex.EncodeToString([]byte(r.ID))] = r.Amount
		return nil
	}))
	for id, amount := range heard.amounts {
		if got, there := stands[id]; !there || got != amount {
			b.t.Errorf("transfer %s: its caller was told %d, the journal says %d (there: %v)", id, int64(amount), int64(got), there)
		}
	}
	return acts
}

// wholeAfter checks the books after all was posted again: what callers were told, that each hold is
// in one state, and that what is reserved is what the open ones hold.
func (b *books) wholeAfter(heard *told) {
	b.t.Helper()
	ctx := context.Background()
	acts := b.nothingLost(heard)
	open, reserved := 0, ledger.Fen(0)
	b.must(b.Holds(ctx, func(h ledger.HoldStatus) error {
		open++
		reserved += h.Amount
		return nil
	}))
	if ended := acts[ledger.PostHold] + acts[ledger.VoidHold] + acts[ledger.ExpireHold]; acts[ledger.Hold] != ended+open || ended == 0 || open == 0 {
		b.t.Errorf("%d holds were made, %d ended, %d are open", acts[ledger.Hold], ended, open)
	}
	sums, err := b.Balance(ctx, "fund")
	b.must(err)
	if sums.DebitsHeld != reserved || sums.Available() < 0 {
		b.t.Errorf("fund is %+v; the open holds reserve %d", sums, int64(reserved))
	}
	b.verify()
}
