package keyservicetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"testing"

	"citycard/cardos/keys"
)

// Master is a master of the TEST store of a seed.
func Master(role keys.Role, seed uint64) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("citycard test master"), byte(role)), seed))
	return sum[:16]
}

// InMemory says which of some byte strings are in the memory of a process.
func InMemory(t testing.TB, pid int, of map[string][]byte) map[string]bool {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	in, read := map[string]bool{}, 0
	for _, region := range regexp.MustCompile(`(?m)^([0-9a-f]+)-([0-9a-f]+) rw.*$`).FindAllSubmatch(maps, -1) {
		from, err := strconv.ParseInt(string(region[1]), 16, 64)
		to, other := strconv.ParseInt(string(region[2]), 16, 64)
		if errors.Join(err, other) != nil {
			continue
		}
		const piece = 8 << 20
		for ; from < to; from += piece {
			content := make([]byte, min(piece+64, to-from))
			n, err := memory.ReadAt(content, from)
			if n == 0 && err != nil && !errors.Is(err, io.EOF) {
				continue // a page that is not there
			}
			read += n
			for name, what := range of {
				in[name] = in[name] || bytes.Contains(content[:n], what)
			}
		}
	}
	if read < 1<<20 {
		t.Fatalf("only %d bytes of the memory of process %d could be read", read, pid)
	}
	return in
}
