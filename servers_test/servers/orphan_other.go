//go:build !linux

package servers

import "syscall"

// dieWithUs is Linux's: elsewhere a server outlives tests that are killed.
func dieWithUs(*syscall.SysProcAttr, syscall.Signal) {}
