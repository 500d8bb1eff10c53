package persons

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"testing"
)

// TestSpool keeps rosters of several sizes: they come back as they were, twice, and nothing of them
// stands in the file, which has no name.
func TestSpool(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	random := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{0, 1, 15, 16, 17, 65_535, 65_536, 300_001} {
		spool, err := NewSpool()
		if err != nil {
			t.Fatal(err)
		}
		kept := bytes.Repeat([]byte("张三,419999196001010028\n"), size/26+1)[:size]
		for rest := kept; len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(9000))
			if _, err := spool.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		for range 2 {
			again, err := spool.Again()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(again); err != nil || !bytes.Equal(got, kept) {
				t.Errorf("%d bytes came back as %d others: %v", size, len(got), err)
			}
		}
		stored := make([]byte, size)
		if n, err := spool.file.ReadAt(stored, 0); n != size || err != nil && err != io.EOF {
			t.Errorf("%d of %d bytes are in the file: %v", n, size, err)
		}
		if bytes.Contains(stored, []byte("19600101")) || size > 16 && bytes.Equal(stored, kept) {
			t.Errorf("%d bytes stand in the file as they came", size)
		}
		if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
			t.Errorf("temporary files with names: %v, %v", names, err)
		}
		if err := spool.Close(); err != nil {
			t.Error(err)
		}
	}
}
