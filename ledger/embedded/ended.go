package embedded

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// EndedError says that a private server has ended though nobody asked it to.
type EndedError struct {
	Server string // and its directory
	Why    string
}

func (e *EndedError) Error() string {
	return fmt.Sprintf("the private %s has ended: %s", e.Server, e.Why)
}

// noSpace is the text by which a server and the system report a full disk.
const noSpace = "No space left on device"

// leastSpace is in bytes: a disk with less free space counts as full. It is not zero, because a
// server that has just ended may have freed some space.
const leastSpace = 64 << 10

// lastWords is how much of a server's log, in bytes, is searched for the reason of its end.
const lastWords = 256 << 10

var (
	fullDisk = regexp.MustCompile(`(?i)no space left on device|disk full|exhausted disk space`)
	serious  = regexp.MustCompile(`(?:PANIC|FATAL|ERROR): +(.*)`)
)

// whyEnded finds in a server's log, from a position on, why the server has ended: the disk is full,
// or else its last serious message; empty where there is none. On a full disk that message may be
// missing.
func whyEnded(dir, logFile string, from int64) string {
	if diskIsFull(dir, logFile, from) {
		return noSpace + " in " + dir
	}
	if found := serious.FindAllSubmatch(tail(logFile, from), -1); len(found) > 0 {
		return fmt.Sprintf("%s (more in %s)", bytes.TrimSpace(found[len(found)-1][1]), logFile)
	}
	return ""
}

// diskIsFull looks at the directory's disk, and at what the server's log says from a position on.
func diskIsFull(dir, logFile string, from int64) bool {
	return fullDisk.Match(tail(logFile, from)) || freeSpace(dir) < leastSpace
}

func tail(path string, from int64) []byte {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil {
		from = max(from, info.Size()-lastWords)
	}
	text, _ := io.ReadAll(io.NewSectionReader(file, from, lastWords)) // what can be read is what there is
	return text
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// freeSpace is the free space on the disk of a directory; a very large number where that is not
// known.
func freeSpace(dir string) uint64 {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return 1 << 62
	}
	return uint64(disk.Bavail) * uint64(disk.Bsize)
}

// watchEvery is how often a server that is not our child is checked.
const watchEvery = 500 * time.Millisecond

// watcher looks at a process until it is told to stop.
type watcher struct {
	pid   int
	once  sync.Once
	stop  chan struct{}
	ended chan struct{} // closed once the process is gone
}

func watch(pid int) *watcher {
	w := &watcher{pid: pid, stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for !gone(pid) {
			select {
			case <-w.stop:
				return
			case <-tick.C:
			}
		}
		close(w.ended)
	}()
	return w
}

// end stops watching. It may be called again.
func (w *watcher) end() { w.once.Do(func() { close(w.stop) }) }

// gone reports whether a process has ended. A process whose exit code nobody has read is still
// listed, as a zombie; it counts as ended.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return true
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// The state follows the program's name, which is in brackets and may contain any characters.
	after := status[bytes.LastIndexByte(status, ')')+1:]
	return len(after) > 1 && after[1] == 'Z'
}
