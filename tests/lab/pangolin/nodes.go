package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// This file plays several nodes behind one dashboard, as a hosted Pangolin has them: which of them
// newt is offered, its ping of each over HTTP, and the choice. All of them are this one process and
// its one tunnel; they differ by the addresses of the machine at which newt reaches them.

const (
	maxNodes = 100
	// newt takes a node that answered within a millisecond for one that did not answer, where it
	// decides whether to leave the node that it had.
	pingDelay = 3 * time.Millisecond
	pingPort  = 80
)

// Node is one that newt may be told to use. Where weights are equal the fastest is chosen.
type Node struct {
	Name     string  `json:"name"`
	Endpoint string  `json:"endpoint"` // a name or an address, as newt is told
	Weight   float64 `json:"weight"`
}

func validateNodes(nodes []Node) error {
	if len(nodes) > maxNodes {
		return fmt.Errorf("%d nodes: at most %d", len(nodes), maxNodes)
	}
	seen := map[string]bool{}
	for _, n := range nodes {
		if n.Name == "" || n.Endpoint == "" {
			return fmt.Errorf("node %q at %q: both are needed", n.Name, n.Endpoint)
		}
		if seen[n.Endpoint] {
			return fmt.Errorf("node %s is given twice", n.Endpoint)
		}
		seen[n.Endpoint] = true
	}
	return nil
}

// exitNode is a node as newt is told about it. newt uses the only one offered without a ping.
type exitNode struct {
	ID       int     `json:"exitNodeId"`
	Name     string  `json:"exitNodeName"`
	Endpoint string  `json:"endpoint"`
	Weight   float64 `json:"weight"`
	Previous bool    `json:"wasPreviouslyConnected"`
}

// pingResult is what newt measured of one.
type pingResult struct {
	ID        int    `json:"exitNodeId"`
	Endpoint  string `json:"endpoint"`
	LatencyMs int64  `json:"latencyMs"`
	Error     string `json:"error,omitempty"`
}

// offered are the nodes for newt to ping, numbered from 1; previous is where its tunnel ended last.
func offered(nodes []Node, previous string) []exitNode {
	result := []exitNode{}
	for i, n := range nodes {
		result = append(result, exitNode{i + 1, n.Name, n.Endpoint, n.Weight, n.Endpoint == previous})
	}
	return result
}

// chosen is the node of the greatest weight among those that answered newt, the fastest of several;
// nil where none did: then Pangolin does not answer the registration.
func chosen(nodes []Node, results []pingResult) *Node {
	var best *Node
	var latency int64
	for _, r := range results {
		if r.Error != "" || r.ID < 1 || r.ID > len(nodes) {
			continue
		}
		n := nodes[r.ID-1]
		if best == nil || n.Weight > best.Weight || (n.Weight == best.Weight && r.LatencyMs < latency) {
			best, latency = &n, r.LatencyMs
		}
	}
	return best
}

// pings answers `GET /ping` on every address of the machine, from the first order that needs it.
type pings struct {
	log    *slog.Logger
	mu     sync.Mutex
	server *http.Server
}

func (p *pings) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		return nil
	}
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(pingPort))
	if err != nil {
		return err
	}
	p.server = &http.Server{Handler: http.HandlerFunc(p.answer), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := p.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.log.Warn("ping-error", "error", err.Error())
		}
	}()
	return nil
}

func (p *pings) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		_ = p.server.Close() // the process ends
	}
}

func (p *pings) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/ping" {
		http.NotFound(w, r)
		return
	}
	time.Sleep(pingDelay)
	at, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	p.log.Info("pinged", "at", at.String(), "host", r.Host, "remote", r.RemoteAddr)
	w.WriteHeader(http.StatusOK)
}
