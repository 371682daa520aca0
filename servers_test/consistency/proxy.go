//go:build unix

package consistency

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A proxy stands between workers and a server, and mistreats what goes through.
type proxy struct {
	Addr string

	listener net.Listener
	target   atomic.Pointer[string]
	delay    atomic.Int64 // the most that an answer is held back, nanoseconds
	drop     atomic.Bool  // what the server answers is lost, and so is the connection, later
	mute     atomic.Bool  // nothing goes through in either direction, and nobody is told
	refuse   atomic.Bool  // new connections are closed

	mu    sync.Mutex // protects what follows
	conns map[net.Conn]bool
	done  sync.WaitGroup
}

func newProxy(target string) (*proxy, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{Addr: l.Addr().String(), listener: l, conns: map[net.Conn]bool{}}
	p.target.Store(&target)
	p.done.Go(p.accept)
	return p, nil
}

// redirect sends new connections elsewhere. The old ones stay where they are.
func (p *proxy) redirect(target string) { p.target.Store(&target) }

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.refuse.Load() {
			c.Close()
			continue
		}
		p.done.Go(func() { p.serve(c) })
	}
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.DialTimeout("tcp", *p.target.Load(), time.Second)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.copy(server, client, false) })
	both.Go(func() { p.copy(client, server, true) })
	both.Wait()
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

func (p *proxy) copy(to, from net.Conn, answer bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if d := p.delay.Load(); d > 0 && answer {
			time.Sleep(time.Duration(rand.Int64N(d)))
		}
		if p.mute.Load() || answer && p.drop.Load() {
			// What was taken cannot be given any more: the connection is of no use from here on, and only its end tells.
			io.Copy(io.Discard, from)
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// reset cuts connections with an RST. Of which there is one in so many.
func (p *proxy) reset(oneIn int) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if rand.IntN(oneIn) == 0 {
			if tcp, ok := c.(*net.TCPConn); ok {
				tcp.SetLinger(0)
			}
			c.Close()
			n++
		}
	}
	return n
}

func (p *proxy) close() {
	p.listener.Close()
	p.reset(1)
	p.done.Wait()
}
