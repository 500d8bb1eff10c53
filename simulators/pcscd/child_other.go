//go:build !linux

package pcscd

import "syscall"

func childAttributes() *syscall.SysProcAttr { return nil }
