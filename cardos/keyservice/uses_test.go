package keyservice

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// newUses is a log with some uses in segments of 1,000 bytes.
func newUses(t *testing.T, dir string, uses int) *Uses {
	t.Helper()
	u, cut, err := OpenUses(dir)
	if err != nil || cut != 0 {
		t.Fatalf("cut %d, %v", cut, err)
	}
	u.size = 1000
	for i := range uses {
		if err := u.Add([]Use{{At: time.Unix(int64(i), 0).UTC(), Client: "c", Operation: Loads, Order: fmt.Sprint("order ", i), Outcome: given}}, i%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func closed(t *testing.T, u *Uses) {
	t.Helper()
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
}

// A log goes on over restarts and over segments, in one chain; a head that was noted is found in
// it, and nothing can be added to one that was closed.
func TestUsesAreOneChain(t *testing.T) {
	dir := t.TempDir()
	first := newUses(t, dir, 30)
	number, chained := first.Head()
	closed(t, first)
	second := newUses(t, dir, 31)
	if err := second.Note(time.Unix(0, 0), "started", "version"); err != nil {
		t.Fatal(err)
	}
	last, head := second.Head()
	closed(t, second)
	if err := second.Add(make([]Use, 1), true); !errors.Is(err, ErrUses) || !errors.Is(second.Check(), ErrUses) {
		t.Errorf("added to a closed log: %v", err)
	}
	c, err := CheckUses(dir, number, chained, nil)
	if err != nil || c.First != 1 || c.Last != 62 || c.Last != last || c.Chain != head || c.Files < 5 || !c.Noted || c.Torn != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := CheckUses(dir, number, strings.Repeat("0", 64), nil); err == nil {
		t.Error("another head is taken for the noted one")
	}
	segments, err := segmentsOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, segments[0])); err != nil { // put elsewhere
		t.Fatal(err)
	}
	if c, err := CheckUses(dir, 0, "", nil); err != nil || c.First < 2 || c.Last != 62 {
		t.Errorf("without the oldest file: %+v, %v", c, err)
	}
	if err := os.Remove(filepath.Join(dir, segments[2])); err != nil {
		t.Fatal(err)
	}
	if _, err := CheckUses(dir, 0, "", nil); err == nil {
		t.Error("a file in the middle is missing, and nothing says so")
	}
}

// Wherever the last file was torn, the log goes on behind its last whole line; what was torn was
// not answered.
func TestUsesTornAtTheEnd(t *testing.T) {
	source := t.TempDir()
	closed(t, newUses(t, source, 8))
	segments, err := segmentsOf(source)
	if err != nil || len(segments) < 2 {
		t.Fatal(segments, err)
	}
	last := segments[len(segments)-1]
	whole, err := os.ReadFile(filepath.Join(source, last))
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, last), whole[:at], 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := CheckUses(dir, 0, "", nil)
		if err != nil {
			t.Fatalf("%d bytes: %v", at, err)
		}
		u, cut, err := OpenUses(dir)
		if err != nil {
			t.Fatalf("%d bytes: %v", at, err)
		}
		if number, _ := u.Head(); number != before.Last || int(cut) < before.Torn {
			t.Fatalf("%d bytes: goes on after %d, want %d; cut %d, torn %d", at, number, before.Last, cut, before.Torn)
		}
		if err := u.Note(time.Unix(0, 0), "started", ""); err != nil {
			t.Fatalf("%d bytes: %v", at, err)
		}
		closed(t, u)
		if after, err := CheckUses(dir, 0, "", nil); err != nil || after.Last != before.Last+1 || after.Torn != 0 {
			t.Fatalf("%d bytes: %+v, %v", at, after, err)
		}
	}
}

// A log that somebody altered is neither taken for whole nor gone on with.
func TestUsesAltered(t *testing.T) {
	source := t.TempDir()
	closed(t, newUses(t, source, 4))
	path := func(dir string) string { return filepath.Join(dir, fmt.Sprintf(segmentName, 1)) }
	whole, err := os.ReadFile(path(source))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for name, content := range map[string][]byte{
		"a word":           bytes.Replace(whole, []byte("order 1"), []byte("order 9"), 1),
		"a line less":      bytes.Join([][]byte{lines[0], lines[1], lines[3], lines[4]}, nil),
		"two lines turned": bytes.Join([][]byte{lines[0], lines[2], lines[1], lines[3], lines[4]}, nil),
		"a line too many":  append(bytes.Clone(whole), "something\n"...),
		"another head":     bytes.Replace(whole, []byte("after\t00"), []byte("after\t01"), 1),
		"no head":          bytes.Join(lines[1:], nil),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(path(dir), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := CheckUses(dir, 0, "", nil); err == nil {
			t.Errorf("%s: the check finds nothing", name)
		}
		if _, _, err := OpenUses(dir); err == nil {
			t.Errorf("%s: it is gone on with", name)
		}
	}
}

// Many at once are each on disk when their call returns, in one chain.
func TestUsesOfManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	u := newUses(t, dir, 0)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 20 {
				uses := []Use{{Operation: Loads, Outcome: given}, {Operation: PINs, Outcome: given}}
				if err := u.Add(uses, true); err != nil || uses[0].Number == 0 || uses[1].Number != uses[0].Number+1 {
					t.Errorf("%d, %d: %v", uses[0].Number, uses[1].Number, err)
				}
			}
		})
	}
	wg.Wait()
	if c, err := CheckUses(dir, 0, "", nil); err != nil || c.Last != 800 {
		t.Errorf("%+v, %v", c, err)
	}
	closed(t, u)
}

// What the service noted is found again however many files were written since: it says how long the
// log of cards was.
func TestLastNote(t *testing.T) {
	dir := t.TempDir()
	u := newUses(t, dir, 0)
	for _, note := range []string{"the first", "the last"} {
		if err := u.Note(time.Unix(0, 0), "started", note); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, u)
	closed(t, newUses(t, dir, 40))
	u = newUses(t, dir, 0)
	if segments, err := segmentsOf(dir); err != nil || len(segments) < 3 || u.LastNote() != "the last" {
		t.Errorf("%q is the last note, in %d files, %v", u.LastNote(), len(segments), err)
	}
	closed(t, u)
}

// A log of cards whose beginning is missing is refused, and says so.
func TestMadeWithoutBeginning(t *testing.T) {
	dir := t.TempDir()
	closed(t, newUses(t, dir, 30))
	segments, err := segmentsOf(dir)
	if err == nil {
		err = os.Remove(filepath.Join(dir, segments[0]))
	}
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = OpenMade(dir)
	if err == nil || !strings.HasPrefix(err.Error(), "the log of cards begins with line ") || strings.Contains(err.Error(), "%!") {
		t.Errorf("it is %v", err)
	}
}
