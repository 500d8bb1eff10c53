package outbox

import (
	"errors"
	"os"
	"syscall"
)

// syncData makes the content of a file durable, and of its metadata what is needed to read it: the
// time of the last change, which is not, would cost a commit of the file system's journal.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync "+f.Name(), err)
		}
	}
}
