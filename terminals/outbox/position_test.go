package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// setPosition stores a position in an outbox that is not open.
func setPosition(t *testing.T, dir string, next uint64) {
	t.Helper()
	p, err := openPositions(osDisk(), dir)
	must(t, err)
	must(t, p.save(osDisk(), next))
	must(t, p.file.Close())
}

// small is a disk with room for some bytes in dir, which takes what it can of a larger write.
func small(dir string, room int64) disk {
	d := osDisk()
	write := d.write
	d.write = func(f *os.File, b []byte, off int64) error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		free, grows := room, off+int64(len(b))-info.Size()
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				free -= info.Size()
			}
		}
		if grows <= free {
			return write(f, b, off)
		}
		return errors.Join(write(f, b[:int64(len(b))-grows+free], off), fmt.Errorf("write %s: %w", f.Name(), syscall.ENOSPC))
	}
	return d
}

// A disk that is full takes the position: what was sent is removed, and the lane goes on.
func TestFullDiskHeals(t *testing.T) {
	dir := t.TempDir()
	const size = reserve + 4096
	l, err := open(dir, small(dir, 3*size+size/2), size)
	must(t, err)
	for n := 0; err == nil; n++ {
		must(t, l.Append(testRecord(n)))
		err = l.Ready()
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Ready: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, temporaryName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what the disk took of a segment: %v, want it removed", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "others"), make([]byte, size/2-2*slotDistance), 0o600)) // another program takes the rest
	must(t, l.acknowledge(l.Status().Next))
	must(t, l.Ready())
	must(t, l.Append(testRecord(0)))
	want := l.Status()
	must(t, l.Close())
	l, err = Open(dir)
	must(t, err)
	if s := l.Status(); s.Position != want.Position || s.Waiting() != 1 {
		t.Errorf("%+v, want %+v", s, want)
	}
	must(t, l.Close())
}

// One slot of the position may be unfinished, or have failed; the other one counts.
func TestPositionHasTwoSlots(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir, 20)
	d, failing := osDisk(), false
	real := d.sync
	d.sync = func(f *os.File) error {
		if failing {
			return syscall.EIO
		}
		return real(f)
	}
	p, err := openPositions(d, dir)
	must(t, err)
	must(t, p.save(d, 4))
	must(t, p.save(d, 7))
	failing = true
	if err := p.save(d, 9); !errors.Is(err, syscall.EIO) {
		t.Errorf("save: %v", err)
	}
	failing = false
	slot := p.slot
	if has, _, err := loadPosition(dir); err != nil || has != 9 {
		t.Errorf("position %d, %v", has, err)
	}
	_, err = p.file.WriteAt([]byte("torn"), int64((1-slot)*slotDistance))
	must(t, err)
	if has, _, err := loadPosition(dir); err != nil || has != 7 {
		t.Errorf("position %d, %v; want the one before", has, err)
	}
	must(t, p.save(d, 12))
	if p.slot == slot {
		t.Error("after a failed sync the slot was written that alone is sure to be on the disk")
	}
	_, err = p.file.WriteAt([]byte("torn"), 0)
	must(t, err)
	_, err = p.file.WriteAt([]byte("torn"), slotDistance)
	must(t, err)
	must(t, p.file.Close())
	var damaged *damagedError
	if l, err := Open(dir); !errors.As(err, &damaged) {
		t.Errorf("%v %v, want it refused", l, err)
	}
}
