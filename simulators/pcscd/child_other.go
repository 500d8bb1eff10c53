//go:build !linux

package pcscd

import "syscall"

func childAttributes() *syscall.SysProcAttr { return nil }

func privateAttributes() *syscall.SysProcAttr { return nil }

func canBePrivate() bool { return false }
