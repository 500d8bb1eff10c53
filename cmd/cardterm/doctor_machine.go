package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"citycard/cmd/service"
	"citycard/language"
)

// What a terminal's disk needs.
const (
	leastRoom   = 64 << 20 // bytes: some hours of records
	littleRoom  = 1 << 30
	slowSync    = 50 * time.Millisecond
	syncsTried  = 20
	syncedBytes = 4 << 10
)

// disk looks at the room and the speed of the disk that keeps the records.
func (d *doctor) disk() {
	dir, err := existing(d.Data)
	if err != nil {
		d.fails("disk", err, language.Textf("correct --data"))
		return
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		d.fails("disk", err, language.Textf("correct --data"))
		return
	}
	room := disk.Bavail * uint64(disk.Bsize) //nolint:unconvert // int32 on other systems
	says := language.Textf("%s: %d MB free", dir, room>>20)
	switch {
	case room < leastRoom:
		d.find("disk", broken, says, language.Textf("make room: a full disk closes the lanes"))
	case room < littleRoom:
		d.find("disk", warning, says, language.Textf("make room: a full disk closes the lanes"))
	default:
		d.find("disk", fine, says, nil)
	}
	middle, longest, err := syncTimes(dir)
	switch {
	case errors.Is(err, fs.ErrPermission):
		d.find("disk", warning, language.Textf("%s cannot be written by this user, so its speed was not measured", dir), language.Textf("run it as the terminal's user"))
	case err != nil:
		d.fails("disk", err, language.Textf("replace the disk, or make room"))
	default:
		says := language.Textf("a record is on the disk after %s ms, at most %s ms", millis(middle), millis(longest))
		if middle > slowSync {
			d.find("disk", warning, says, language.Textf("use a faster disk: each tap waits for it"))
			return
		}
		d.find("disk", fine, says, nil)
	}
}

// left looks for outboxes of lanes that are not in the settings.
func (d *doctor) left(lanes []laneFlags) {
	names, err := leftLanes(d.Data, lanes)
	if err != nil {
		d.fails("outbox", err, language.Textf("correct --data"))
		return
	}
	for _, name := range names {
		w, err := waitingIn(filepath.Join(d.Data, "lanes", name, "outbox"))
		if err != nil {
			d.fails("outbox", err, language.Textf("keep a copy of the folder"))
			continue
		}
		d.find("outbox", warning, language.Textf("lane %s is not in the settings; its outbox has records that wait: %d, open payments: %d", name, w.Waiting, w.Open),
			language.Textf("correct the name, or let the agent send it; remove the folder once nothing waits and nothing is open"))
	}
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1000) }

// existing is the directory, or the nearest above it that exists.
func existing(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for {
		if _, err = os.Stat(path); !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return path, err
		}
		path = filepath.Dir(path)
	}
}

// syncTimes measures how long a small write takes until the disk has it.
func syncTimes(dir string) (middle, longest time.Duration, err error) {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block, took := make([]byte, syncedBytes), make([]time.Duration, syncsTried)
	for i := range took {
		begin := time.Now()
		if _, err := f.WriteAt(block, int64(i)*syncedBytes); err != nil {
			return 0, 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, 0, err
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)-1], nil
}

// clock looks at the clock alone: whether somebody sets it, and whether it is older than the
// program.
func (d *doctor) clock() {
	now := time.Now()
	if built, err := time.Parse(time.RFC3339, service.ReadVersion("cardterm").Time); err == nil && now.Before(built) {
		d.find("clock", broken, language.Textf("it says %s, which is before this program was made", now.UTC().Format(time.DateTime)), language.Textf("set it: the second of a tap decides its price"))
		return
	}
	set, err := clockIsSet()
	switch {
	case err != nil:
		d.find("clock", warning, language.Textf("the system does not say whether somebody sets it: %w", err), nil)
	case !set:
		d.find("clock", warning, language.Textf("it says %s, and nobody sets it", now.UTC().Format(time.DateTime)), language.Textf("start a time service such as chrony or systemd-timesyncd"))
	default:
		d.find("clock", fine, language.Textf("it says %s, and a time service sets it", now.UTC().Format(time.DateTime)), nil)
	}
}

// clockSlack is how much the clocks of a terminal and a broker may differ.
const clockSlack = 2 * time.Second

// clockBefore compares the clock with when the brokers stored their newest record.
func (d *doctor) clockBefore(newest time.Time) {
	now := time.Now()
	switch {
	case newest.IsZero():
	case newest.Sub(now) > clockSlack:
		d.find("clock", broken, language.Textf("the brokers stored a record at %s, %d seconds after what it says now", newest.UTC().Format(time.DateTime), int(newest.Sub(now).Seconds())), language.Textf("set it: the second of a tap decides its price"))
	default:
		d.find("clock", fine, language.Textf("the brokers' newest record is of %s, and not later", newest.UTC().Format(time.DateTime)), nil)
	}
}
