package service

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// TestEndedSaysItOnce ends commands whose answer could not be printed: a full disk is said once,
// also by a command that has ended because of it.
func TestEndedSaysItOnce(t *testing.T) {
	full := fmt.Errorf("write /dev/stdout: %w", syscall.ENOSPC)
	other := errors.New("something else")
	for _, err := range []error{nil, full, Fail("the list broke off").Because(full), other} {
		c := &Common{unprinted: full}
		ended := c.Ended(err)
		if n := strings.Count(ended.Error(), full.Error()); n != 1 {
			t.Errorf("%v: it is said %d times: %v", err, n, ended)
		}
		if err == other && !errors.Is(ended, other) {
			t.Errorf("the other error is lost: %v", ended)
		}
	}
}
