package redisstore

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// A connection that is begun before all are left, and made after it, is made again. One that was made is not written to.
func TestLeaveWhileDialing(t *testing.T) {
	t.Parallel()
	d := new(dials)
	began, goOn, made := make(chan struct{}), make(chan struct{}), 0
	dial := d.DialHook(func(context.Context, string, string) (net.Conn, error) {
		if made++; made == 1 {
			close(began)
			<-goOn
		}
		here, there := net.Pipe()
		t.Cleanup(func() { there.Close() })
		return here, nil
	})
	go func() {
		<-began
		d.leave(d.turns.Load())
		close(goOn)
	}()
	conn, err := dial(t.Context(), "tcp", "server")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if made != 2 {
		t.Errorf("%d connections were made, want a second in place of the first", made)
	}
	if conn.(*dialed).isGone() {
		t.Error("it is gone before it is left")
	}
	d.leave(d.turns.Load())
	d.leave(1) // is no step back
	if err := conn.SetWriteDeadline(time.Now()); !errors.Is(err, errGone) {
		t.Errorf("SetWriteDeadline: got the error %v, want %v", err, errGone)
	}
}
