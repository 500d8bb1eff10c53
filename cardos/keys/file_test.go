package keys

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// meanwhile is a source of randomness that runs something before it gives its first bytes: a
// rotation asks for them after it read the file, and before it writes.
type meanwhile struct {
	run  func()
	seed string
}

func (m *meanwhile) Read(p []byte) (int, error) {
	if m.run != nil {
		m.run()
		m.run = nil
	}
	return strings.NewReader(strings.Repeat(m.seed, 1000)).Read(p)
}

// storeOnDisk is a file of a test store, and what is in it.
func storeOnDisk(t *testing.T) (path string, sealed []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "keys.age")
	if err := GenerateTest(1).WithWorkFactor(2).Create(path, "p"); err != nil {
		t.Fatal(err)
	}
	return path, contentOf(t, path)
}

func contentOf(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// If two rotations run at once, one is refused, and the file has the masters that the other
// returned.
func TestTwoRotationsAtOnce(t *testing.T) {
	path, _ := storeOnDisk(t)
	var second error
	first, err := rotateFile(path, "p", &meanwhile{seed: "one", run: func() {
		_, second = rotateFile(path, "p", &meanwhile{seed: "two"}, 2)
	}}, 2)
	if err != nil || !errors.Is(second, ErrBusy) {
		t.Fatalf("two rotations: %v and %v, want one that is told ErrBusy", err, second)
	}
	kept, err := Open(path, "p")
	if err != nil || kept.Version() != 2 || kept.TACMaster() != first.TACMaster() {
		t.Errorf("the file does not hold what was rotated: %v", err)
	}
	if third, err := rotateFile(path, "p", &meanwhile{seed: "three"}, 2); err != nil || third.Version() != 3 {
		t.Errorf("a rotation after both: %v", err)
	}
}

// A file that replaced the one that was opened is not overwritten, and every rotation keeps the old
// file.
func TestRotationReplacesWhatItRead(t *testing.T) {
	path, before := storeOnDisk(t)
	other := []byte("another store, copied here from elsewhere")
	_, err := rotateFile(path, "p", &meanwhile{seed: "x", run: func() {
		if err := os.WriteFile(path, other, 0o600); err != nil {
			t.Error(err)
		}
	}}, 2)
	if !errors.Is(err, ErrChanged) || !bytes.Equal(contentOf(t, path), other) {
		t.Fatalf("a store that changed meanwhile: %v, want ErrChanged and the file untouched", err)
	}
	_, err = rotateFile(path, "p", &meanwhile{seed: "x", run: func() {
		t.Error("masters were made for what is no store")
	}}, 2)
	if !errors.Is(err, ErrStoreFormat) {
		t.Errorf("no store: %v, want ErrStoreFormat", err)
	}

	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	// The first attempt already left the old file there; the same bytes do no harm.
	if _, err := rotateFile(link, "p", &meanwhile{seed: "x"}, 2); err != nil {
		t.Fatal(err)
	}
	if store, err := Open(path, "p"); err != nil || store.Version() != 2 {
		t.Errorf("rotated through a link: %v", err)
	}
	if !bytes.Equal(contentOf(t, path+".v1"), before) {
		t.Error("the file as it was is not kept")
	}
	rotated := contentOf(t, path)
	if err := os.WriteFile(path+".v2", other, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := rotateFile(path, "p", &meanwhile{seed: "y"}, 2); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file in the place of the one to keep: %v, want fs.ErrExist", err)
	}
	if !bytes.Equal(contentOf(t, path+".v2"), other) || !bytes.Equal(contentOf(t, path), rotated) {
		t.Error("a rotation that failed changed a file")
	}
}

// A store is made once.
func TestCreateReplacesNothing(t *testing.T) {
	path, before := storeOnDisk(t)
	if err := GenerateTest(2).WithWorkFactor(2).Create(path, "p"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second store in its place: %v, want fs.ErrExist", err)
	}
	if !bytes.Equal(contentOf(t, path), before) {
		t.Error("the store was replaced")
	}
	if _, err := rotateFile(path+"x", "p", &meanwhile{seed: "x"}, 2); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v, want fs.ErrNotExist", err)
	}
	other := filepath.Join(t.TempDir(), "other.age")
	unlock, err := lockStore(other)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if err := GenerateTest(2).WithWorkFactor(2).Create(other, "p"); !errors.Is(err, ErrBusy) {
		t.Errorf("a store that somebody else is making: %v, want ErrBusy", err)
	}
}
