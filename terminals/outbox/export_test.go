package outbox

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// For tests of what is kept in an outbox, which need the whole way of a tap.

// CutModes are the ways in which a machine stops.
func CutModes() []cutMode { return []cutMode{keepAll, loseAll, keepHalf} }

// Cut is a machine that stops after some steps on the disk.
type Cut struct{ disk cuttingDisk }

// NewCut makes one that stops after n steps.
func NewCut(n int) *Cut { return &Cut{cuttingDisk{real: unsynced(), left: n}} }

// Open opens an outbox of small segments on the machine.
func (c *Cut) Open(dir string) (*Log, error) { return open(dir, c.disk.disk(), 2048) }

// Steps is how many steps the machine has taken.
func (c *Cut) Steps() int { return c.disk.steps }

// Fall leaves on the disk what survives.
func (c *Cut) Fall(t *testing.T, mode cutMode) {
	t.Helper()
	c.disk.fall(t, mode)
}

// Waiting returns the records that are to be sent.
func Waiting(t *testing.T, l *Log) []Record {
	t.Helper()
	return readAll(t, l)
}

// OpenFull opens an outbox of small segments on a disk that takes no new segment while it is full.
func OpenFull(dir string, full *bool) (*Log, error) {
	d := unsynced()
	write := d.write
	d.write = func(f *os.File, b []byte, off int64) error {
		if *full && strings.HasSuffix(f.Name(), ".tmp") {
			return syscall.ENOSPC
		}
		return write(f, b, off)
	}
	return open(dir, d, 2048)
}
