package ledgertest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"citycard/ledger/ledgertest"
)

// asChild makes this test binary one that uses a database and then waits to be killed.
const asChild = "CITYCARD_TEST_LEDGERTEST_CHILD"

func TestMain(m *testing.M) { ledgertest.Main(m) }

// TestKilled kills a test process with a private server: the server ends, and its folder goes.
func TestKilled(t *testing.T) {
	if os.Getenv(asChild) != "" {
		fmt.Println(ledgertest.New(t))
		<-t.Context().Done()
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// A server run for root runs as another user, who could not pass through t.TempDir's parent.
	scratch, err := os.MkdirTemp("", "citycard-guard-")
	if err == nil {
		err = os.Chmod(scratch, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(scratch); err != nil {
			t.Error(err)
		}
	})
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKilled$", "-test.timeout=50s")
	child.Env = append(os.Environ(), asChild+"=1", "TMPDIR="+scratch, ledgertest.Server+"=")
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("the child gave no database: %v", child.Wait())
	}
	at, err := url.Parse(lines.Text())
	if err != nil {
		t.Fatal(err)
	}
	folders := func() []string {
		found, err := filepath.Glob(filepath.Join(scratch, "citycard-test-database-*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if !answers(at.Host) || len(folders()) != 1 {
		t.Fatalf("the child's server at %s does not answer, or has no folder: %q", at.Host, folders())
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for answers(at.Host) || len(folders()) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("a minute after the child was killed: answers %t, folders %q", answers(at.Host), folders())
		}
	}
}

func answers(address string) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).Dial("tcp", address)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}
