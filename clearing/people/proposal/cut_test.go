package proposal_test

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/people/proposal"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
)

// cutting cuts the connection at one COMMIT.
type cutting struct {
	commits  atomic.Int64 // to pass before
	answered bool         // the server has committed, and the client does not learn it
	cut      atomic.Bool
}

func (c *cutting) pass(client, server net.Conn) {
	var deaf atomic.Bool
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer func() { _, _ = client.Close(), server.Close() }()
		buffer := make([]byte, 1<<16)
		for {
			n, err := server.Read(buffer)
			if err != nil || deaf.Load() {
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	defer func() { _ = server.Close(); <-over }()
	for first := true; ; first = false {
		frame, err := ledgertest.Frame(client, first)
		if err != nil {
			return
		}
		if ledgertest.IsCommit(frame) && c.commits.Add(-1) == 0 {
			c.cut.Store(true)
			if !c.answered {
				_ = client.Close()
				return
			}
			deaf.Store(true)
			_, _ = server.Write(frame)
			<-over
			return
		}
		if _, err := server.Write(frame); err != nil {
			return
		}
	}
}

// TestCommitCut cuts the connection around each COMMIT of a proposal, of its approval and of a
// rejection, before and after the server has committed: each is done once, and says so.
func TestCommitCut(t *testing.T) {
	w := newTown(t)
	fen := ledger.Fen(1000)
	for _, act := range []string{"propose", "approve limit", "approve transfer", "approve many", "reject", "withdraw"} {
		for _, answered := range []bool{false, true} {
			cuts := 0
			for commit := int64(1); ; commit++ {
				c := &cutting{answered: answered}
				c.commits.Store(1 << 40)
				_, through := ledgertest.NewRelay(t, w.url, c.pass)
				far := townAt(t, through, w.keys)
				fen++
				body, kind, entry := w.body(chart.LimitRequest{Account: "fund:one", Cap: fen}), chart.LimitName, chain.ActChangeLimit
				switch act {
				case "approve transfer":
					body, kind, entry = w.body(transfer(fmt.Sprint("c", int64(fen)), 7)), transferName, transferName
				case "approve many":
					body, kind, entry = w.body(many{3, 9}), manyName, "close day without"
				case "reject":
					entry = proposal.ActReject
				case "withdraw":
					entry = proposal.ActWithdraw
				case "propose":
					entry = proposal.ActPropose
				}
				var p *proposal.View
				var err error
				if act != "propose" {
					p, err = w.Propose(t.Context(), kind, body, "contract", w.as("ann"))
					w.must(err)
				}
				before := w.entries(entry)
				c.commits.Store(commit)
				switch act {
				case "propose":
					p, err = far.Propose(t.Context(), kind, body, "contract", w.as("ann"))
				case "reject":
					_, err = far.Reject(t.Context(), p.Number, "no", w.as("bob"))
				case "withdraw":
					_, err = far.Withdraw(t.Context(), p.Number, "no", w.as("ann"))
				default:
					var done *proposal.Outcome
					if done, err = far.approve("bob", p.Proposal); err == nil && done.Repeated {
						t.Errorf("%s, answered %t, commit %d: it says that it was done before", act, answered, commit)
					}
				}
				if err != nil {
					t.Errorf("%s, answered %t, commit %d: %v", act, answered, commit, err)
				}
				want := 1
				if act == "approve many" {
					want = 3
				}
				// A commit that was stored without an answer is repeated only by a kind that has no
				// way to tell; here that is a part of many.
				if got := w.entries(entry) - before; got != want && !(act == "approve many" && answered && got == want+1) {
					t.Errorf("%s, answered %t, commit %d: %d entries, want %d", act, answered, commit, got, want)
				}
				far.Ledger.Pool().Close()
				if act == "propose" {
					_, err := w.Withdraw(t.Context(), p.Number, "", w.as("ann"))
					w.must(err)
				}
				if !c.cut.Load() {
					break
				}
				cuts++
			}
			if cuts == 0 {
				t.Errorf("%s, answered %t: nothing was cut", act, answered)
			}
		}
	}
	w.holds()
}
