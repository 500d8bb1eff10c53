package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"citycard/cmd/server"
)

// TestReadFile: a file that is too long, a folder and a pipe are refused unread. Nobody writes to
// the pipe: to open it would wait for ever.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	file, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(file, []byte("1234"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if content, err := server.ReadFile(file, 4); err != nil || string(content) != "1234" {
		t.Errorf("%q, %v", content, err)
	}
	for _, test := range []struct{ path, want string }{
		{file, "has 4 bytes, want at most 3"}, {dir, "is a folder"}, {pipe, "is a pipe"},
	} {
		if _, err := server.ReadFile(test.path, 3); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.path, err)
		}
	}
}
