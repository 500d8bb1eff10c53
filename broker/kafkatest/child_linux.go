package kafkatest

import "syscall"

// childAttributes let the broker die with the tests, whatever ended them.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
