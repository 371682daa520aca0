package servers

import "syscall"

// dieWithUs has the process sent a signal when this one ends, be it killed.
func dieWithUs(attr *syscall.SysProcAttr, signal syscall.Signal) { attr.Pdeathsig = signal }
