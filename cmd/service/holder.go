package service

import (
	"encoding/json"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"citycard/language"
)

// holder is the process that holds a data directory. It writes its data to the lock file, which is
// empty while no process holds the directory. Only the lock itself shows that the process still
// holds it.
type holder struct {
	Program string    `json:"program"` // with its command
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	User    string    `json:"user"`
	Since   time.Time `json:"since"`
}

func thisProcess(now time.Time) holder {
	h := holder{Program: filepath.Base(os.Args[0]), PID: os.Getpid(), Since: now}
	// The words before the first flag are the command; later words may be secret.
	for _, word := range os.Args[1:] {
		if strings.HasPrefix(word, "-") {
			break
		}
		h.Program += " " + word
	}
	if host, err := os.Hostname(); err == nil {
		h.Host = host
	}
	if who, err := user.Current(); err == nil {
		h.User = who.Username
	}
	return h
}

// holdAs writes the holder to the lock file, which the process must have locked.
func holdAs(path string, h holder) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(path, lockFile), append(text, '\n'), 0o600)
}

// holderOf describes the process that holds a directory, for people. A process that has just
// started may not have written its data yet.
func holderOf(path string) *language.Text {
	var h holder
	text, err := os.ReadFile(filepath.Join(path, lockFile))
	if err != nil || json.Unmarshal(text, &h) != nil {
		return language.Textf("a running process")
	}
	return language.Textf("%s (pid %d, user %s, host %s, since %s)", h.Program, h.PID, h.User, h.Host, h.Since.Format(time.DateTime))
}
