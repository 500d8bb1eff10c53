package kafkatest

import "syscall"

// childAttributes ends the broker with the tests, however they end.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
