// Command pod runs in the lab's own pods: it serves and writes down who came, or knocks on doors.
//
//	pod serve NAME LOG ADDRESS:PORT...   answers HTTP with its name
//	pod knock SECONDS ADDRESS:PORT...    connects again and again from its first instruction
//	pod flood SECONDS PPS ADDRESS:PORT...    the same with PPS packets a second, UDP and TCP
//
// The log has the same lines as that of the lab's other services (tests/lab/services.py): evidence
// taken on the target's side. `knock` prints one line per target at its end, then stays; it does not
// go when it is asked to. `flood` stays, too.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	dialTimeout = time.Second
	knockPause  = 20 * time.Millisecond
	keptText    = 200 // of each payload, so that a test can recognise its own
)

// entry is a line of the log; tests/lab/evidence.py reads it.
type entry struct {
	Time       float64 `json:"time"`
	Service    string  `json:"service"`
	Event      string  `json:"event"`
	At         string  `json:"at"`
	Source     string  `json:"source"`
	SourcePort int     `json:"source_port"`
	Bytes      int     `json:"bytes"`
	Text       string  `json:"text"`
}

type journal struct {
	service string
	file    *os.File
}

func (j *journal) write(event, at string, peer net.Addr, data []byte) {
	line := entry{
		Time: float64(time.Now().UnixMicro()) / 1e6, Service: j.service, Event: event, At: at,
		Bytes: len(data), Text: string(data[:min(len(data), keptText)]),
	}
	if tcp, ok := peer.(*net.TCPAddr); ok {
		line.Source, line.SourcePort = tcp.IP.String(), tcp.Port
	}
	text, err := json.Marshal(line)
	if err == nil {
		// A single write to a file opened for appending: lines of several writers never mix.
		_, err = j.file.Write(append(text, '\n'))
	}
	if err != nil {
		log.Fatalf("the evidence cannot be written: %v", err)
	}
}

// witness writes down every connection before anything is read from it.
type witness struct {
	net.Listener
	journal *journal
}

func (w witness) Accept() (net.Conn, error) {
	connection, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	at := w.Addr().String()
	w.journal.write("connected", at, connection.RemoteAddr(), nil)
	return observed{connection, w.journal, at}, nil
}

type observed struct {
	net.Conn
	journal *journal
	at      string
}

func (o observed) Read(buffer []byte) (int, error) {
	count, err := o.Conn.Read(buffer)
	if count > 0 {
		o.journal.write("received", o.at, o.RemoteAddr(), buffer[:count])
	}
	return count, err
}

func serve(name, path string, addresses []string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	events := &journal{service: name, file: file}
	failed := make(chan error)
	for _, address := range addresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		events.write("listening", address, nil, nil)
		answer := http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(out, "%s at %s\n", name, address)
		})
		go func() { failed <- http.Serve(witness{listener, events}, answer) }()
	}
	events.write("ready", "", nil, nil)
	return <-failed
}

func knock(seconds string, addresses []string) error {
	limit, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		return fmt.Errorf("knock: for how many seconds? %w", err)
	}
	// A guest that does not go when it is asked to: what its confinement has to outlive.
	signal.Ignore(syscall.SIGTERM)
	end := time.After(time.Duration(limit * float64(time.Second)))
	over := make(chan struct{})
	var done sync.WaitGroup
	for _, address := range addresses {
		done.Go(func() { knockAt(address, over) })
	}
	<-end
	close(over)
	done.Wait()
	stay()
	return nil
}

// stay never returns: a pod that ends would be started again.
func stay() {
	for {
		time.Sleep(time.Hour)
	}
}

// knockAt does not wait for an answer before it tries again: a door that opens for a moment is seen.
func knockAt(address string, over <-chan struct{}) {
	var tried, opened atomic.Int64
	var dials sync.WaitGroup
	for next := time.NewTicker(knockPause); ; {
		tried.Add(1)
		dials.Go(func() {
			if connection, err := net.DialTimeout("tcp", address, dialTimeout); err == nil {
				opened.Add(1)
				connection.Close()
			}
		})
		select {
		case <-over:
			dials.Wait()
			fmt.Printf("%s tried %d opened %d\n", address, tried.Load(), opened.Load())
			return
		case <-next.C:
		}
	}
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("pod: ")
	usage := errors.New("usage: pod serve NAME LOG ADDRESS:PORT... | " +
		"pod knock SECONDS ADDRESS:PORT... | pod flood SECONDS PPS ADDRESS:PORT...")
	arguments := os.Args[1:]
	err := usage
	switch {
	case len(arguments) >= 4 && arguments[0] == "serve":
		err = serve(arguments[1], arguments[2], arguments[3:])
	case len(arguments) >= 3 && arguments[0] == "knock":
		err = knock(arguments[1], arguments[2:])
	case len(arguments) >= 4 && arguments[0] == "flood":
		err = flood(arguments[1], arguments[2], arguments[3:])
	}
	log.Fatal(err)
}
