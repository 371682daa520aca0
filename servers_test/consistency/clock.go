//go:build unix

package consistency

import "golang.org/x/sys/unix"

// now is a time in nanoseconds that all processes of the machine agree on, and that nobody sets.
func now() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}
