package service

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"citycard/ledger/ledgertest"
)

// TestDataDirLock: one directory, one user; afterwards it is free again.
func TestDataDirLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	first, err := OpenDataDir(path, "serve")
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(fmt.Sprintf(`in use by service\.test \(pid %d, user .+, host .+, since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\); stop that process or name another with --data$`, os.Getpid()))
	if _, err := OpenDataDir(path, "serve"); err == nil || !want.MatchString(err.Error()) || ExitCode(err) != ExitInUse {
		t.Errorf("second user: %v, want %v", err, want)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := OpenDataDir(path, "serve")
	if err != nil {
		t.Fatal(err)
	}
	if !second.Used || second.Join("a", "b") != filepath.Join(path, "a", "b") {
		t.Errorf("%+v", second)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestReadOnlyDataDir: a directory that was used, on a disk that cannot be written any more.
func TestReadOnlyDataDir(t *testing.T) {
	disk := ledgertest.SmallDisk(t, "1")
	path := filepath.Join(disk, "data")
	dir, err := OpenDataDir(path, "serve")
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("mount", "-o", "remount,ro", disk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	want := "data directory " + path + " cannot be written: read-only file system; make it writable for this user and free some space, or name another with --data"
	if _, err := OpenDataDir(path, "serve"); err == nil || err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
}

// TestNewDataDirRace: of many processes that want the same new directory only one gets it, even if
// that one has ended before the others check.
func TestNewDataDirRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	var wait sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for range 16 {
		wait.Go(func() {
			dir, err := NewDataDir(path, "demo")
			if err != nil {
				return
			}
			mu.Lock()
			got++
			mu.Unlock()
			if err := dir.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got != 1 {
		t.Errorf("%d of 16 got the directory, want 1", got)
	}
}

// TestDataDirModes: other users cannot read the directory; the database's user can pass through
// root's directory.
func TestDataDirModes(t *testing.T) {
	path := t.TempDir()
	dir, err := OpenDataDir(path, "serve")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	want := map[string]fs.FileMode{".": 0o700, markerFile: 0o600, lockFile: 0o600}
	if os.Geteuid() == 0 {
		want["."] = 0o711
	}
	for name, mode := range want {
		info, err := os.Stat(dir.Join(name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s: mode %v, want %v", name, info.Mode().Perm(), mode)
		}
	}
}
