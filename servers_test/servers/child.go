package servers

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// A Child is a program of the tests' own, such as the test binary once more. It ends with the test process, be that
// killed, and is only ever signalled through this handle.
type Child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed at its end
}

// Spawn starts a command.
func Spawn(cmd *exec.Cmd) (*Child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	dieWithUs(cmd.SysProcAttr, syscall.SIGKILL)
	c := &Child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // as in installation.start
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(c.done)
		}
	}()
	return c, <-started
}

// Signal sends a signal, unless the child has ended.
func (c *Child) Signal(s os.Signal) error { return c.cmd.Process.Signal(s) }

// Done is closed when the child has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Kill ends the child and waits for its end.
func (c *Child) Kill() {
	c.cmd.Process.Kill()
	<-c.done
}
