package main

import (
	"context"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

const (
	maxMessage   = 1 << 20 // bytes; newt's longest is a health report on all its checks
	maxUnsent    = 64      // messages
	writeTimeout = 10 * time.Second
	// newt speaks every 30 s, but is silent while it tests a tunnel, for up to a minute.
	readTimeout = 2 * time.Minute
)

// session is one web socket of newt's: it moves messages and understands none of them. The fields
// of the second group belong to site and are guarded by its lock.
type session struct {
	remote string
	since  time.Time
	conn   *websocket.Conn
	unsent chan outgoing
	end    context.CancelFunc

	lastPing          time.Time
	askedForExitNodes bool
	obeys             bool // newt has a tunnel to which orders apply; before that it ignores them
	onceConnected     []chan struct{}
	unconfirmed       []chan struct{}
}

// serve runs a session from its first message to its last.
func (s *site) serve(ctx context.Context, conn *websocket.Conn, remote string) {
	s.running.Add(1)
	defer s.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Not a polite close: it would wait for an answer that a cut-off newt never gives.
	defer conn.CloseNow()
	conn.SetReadLimit(maxMessage)

	current := &session{
		remote: remote, since: time.Now(), conn: conn,
		unsent: make(chan outgoing, maxUnsent), end: cancel,
	}
	s.attach(current)
	go current.write(ctx)
	s.detach(current, s.listen(ctx, current))
}

func (s *site) listen(ctx context.Context, from *session) error {
	for {
		message, err := from.read(ctx)
		if err != nil {
			return err
		}
		if err := s.hear(from, message); err != nil {
			return err
		}
	}
}

func (s *session) read(ctx context.Context) (incoming, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var message incoming
	err := wsjson.Read(ctx, s.conn, &message)
	return message, err
}

// write sends what is queued until the session ends. There is one writer, so that newt gets its
// orders in the sequence in which they were given.
func (s *session) write(ctx context.Context) {
	defer s.end()
	for {
		select {
		case message := <-s.unsent:
			if err := s.writeOne(ctx, message); err != nil {
				return // the reader meets the same broken connection and tells why
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *session) writeOne(ctx context.Context, message outgoing) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return wsjson.Write(ctx, s.conn, message)
}

// send queues a message and never waits: its caller holds site's lock. A newt that takes nothing in
// loses its session, and is told everything anew when it returns.
func (s *session) send(message outgoing) {
	select {
	case s.unsent <- message:
	default:
		s.end()
	}
}

// ask puts a question that newt always answers (whether it has a Docker socket) and closes done when
// the answer is there. newt handles messages one by one and confirms no order, but the answer comes
// after it has acted on all it was sent before. A session that ends answers nothing more.
func (s *session) ask(done chan struct{}) {
	s.unconfirmed = append(s.unconfirmed, done)
	s.send(outgoing{msgSocketCheck, struct{}{}})
}

// answered is for the oldest question: answers come in the order of the questions.
func (s *session) answered() {
	if len(s.unconfirmed) > 0 {
		close(s.unconfirmed[0])
		s.unconfirmed = s.unconfirmed[1:]
	}
}
