package ledgertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// SmallDisk returns an empty directory, which every user can reach, on a disk of its own of so
// many megabytes. Where none can be made, the test is skipped and the reason is given.
func SmallDisk(t testing.TB, megabytes string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "citycard-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if output, err := exec.Command("mount", "-t", "tmpfs", "-o", "mode=0755,size="+megabytes+"m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("a small disk needs root and the right to mount: %v: %s", err, output)
	}
	t.Cleanup(func() {
		if output, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, output)
		}
	})
	return dir
}

// FillDisk uses up the space on the disk of a directory, and returns a function that frees it
// again.
func FillDisk(t testing.TB, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size >= 1<<10; size /= 2 {
		for block := make([]byte, size); err == nil; {
			_, err = file.Write(block)
		}
		err = nil
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}
