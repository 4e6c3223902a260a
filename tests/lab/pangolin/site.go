package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// newt asks for exit nodes as soon as it connects, unless it believes that its tunnel stands.
	exitNodesPatience = 3 * time.Second
	// newt reads no message while it tests a tunnel: an order may have to wait for that.
	confirmPatience = 10 * time.Second
)

var (
	errAway         = errors.New("newt is not connected, or has no tunnel yet")
	errNotConfirmed = errors.New("newt did not confirm in time")
)

// site is the one newt this server knows: the orders that stand, and what newt last said. It
// translates between the two in both directions; how bytes travel is session's business.
type site struct {
	own        Node   // the only one, until there are others
	tunnelPort string // of every node
	tunnel     *tunnel
	log        *slog.Logger
	running    sync.WaitGroup // sessions

	mu         sync.Mutex
	session    *session // nil while newt is not connected
	version    string
	nodes      []Node
	node       string // the endpoint of the node that newt was told last
	pinged     []pingResult
	targets    []Target
	checks     []HealthCheck
	reports    map[int]healthReport
	reportedAt time.Time
	refused    int
}

func newSite(publicHost, tunnelPort string, tun *tunnel, log *slog.Logger) *site {
	own := Node{Name: "lab", Endpoint: publicHost, Weight: 1}
	return &site{
		own: own, nodes: []Node{own}, tunnelPort: tunnelPort, tunnel: tun, log: log,
		pinged: []pingResult{}, targets: []Target{}, checks: []HealthCheck{}, reports: map[int]healthReport{},
	}
}

// wait returns when every session has ended, so that its last events are written.
func (s *site) wait() { s.running.Wait() }

// attach makes a session the current one. newt may be back before its lost connection is noticed,
// so the newest wins.
func (s *site) attach(newest *session) {
	s.mu.Lock()
	old := s.session
	s.session = newest
	s.mu.Unlock()
	s.log.Info("connected", "remote", newest.remote)
	if old != nil {
		old.end()
	}
}

func (s *site) detach(gone *session, reason error) {
	s.mu.Lock()
	if s.session == gone {
		s.session = nil
	}
	s.mu.Unlock()
	s.log.Info("disconnected", "remote", gone.remote, "reason", reason.Error())
}

func (s *site) refuse(remote, id, reason string) {
	s.mu.Lock()
	s.refused++
	s.mu.Unlock()
	s.log.Info("refused", "remote", remote, "id", id, "reason", reason)
}

// hear handles one message of newt's. A message this server cannot read ends the session.
func (s *site) hear(from *session, message incoming) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch message.Type {
	case msgPing:
		from.lastPing = time.Now()
	case msgExitNodesWant:
		var question chained
		if err := json.Unmarshal(message.Data, &question); err != nil {
			return err
		}
		from.askedForExitNodes = true
		from.send(outgoing{msgExitNodes, exitNodes{question, offered(s.nodes, s.node)}})
	case msgRegister:
		var r registration
		if err := json.Unmarshal(message.Data, &r); err != nil {
			return err
		}
		if r.BackwardsCompatible {
			s.catchUp(from, r)
			return nil
		}
		return s.register(from, r)
	case msgHealthReport:
		var reports healthReports
		if err := json.Unmarshal(message.Data, &reports); err != nil {
			return err
		}
		s.keepReports(reports)
	case msgSocketStatus:
		from.answered()
	case msgSayingGoodbye:
		s.log.Info("goodbye", "remote", from.remote)
		s.tunnel.silence()
	default:
		s.log.Info("ignored", "message", message.Type)
	}
	return nil
}

// register answers newt's public key with all it needs to build the tunnel. The key is let in
// first: newt shakes hands at once, and would repeat a lost handshake only after five seconds.
func (s *site) register(from *session, r registration) error {
	s.pinged = r.PingResults
	node := chosen(s.nodes, r.PingResults)
	if node == nil {
		s.log.Info("no-node", "pings", r.PingResults)
		return nil
	}
	if err := s.tunnel.expect(r.PublicKey); err != nil {
		return err
	}
	s.version = r.NewtVersion
	s.node = node.Endpoint
	s.log.Info("registered", "public_key", r.PublicKey, "newt_version", r.NewtVersion,
		"node", s.node, "pings", r.PingResults)
	from.obeys = true
	from.send(outgoing{msgConnect, connectOrder{
		chained:            r.chained,
		Endpoint:           net.JoinHostPort(s.node, s.tunnelPort),
		PublicKey:          s.tunnel.publicKey,
		ServerIP:           serverIP.String(),
		TunnelIP:           newtIP.String(),
		Targets:            wireTargets(s.targets),
		HealthCheckTargets: wireHealthChecks(s.checks),
	}})
	for _, done := range from.onceConnected {
		from.ask(done)
	}
	from.onceConnected = nil
	return nil
}

// catchUp is for a newt whose web socket broke while its tunnel stood: it does not register again
// (this message wants no answer), but may have missed orders. One whose tunnel this server does not
// know, because the server was restarted, would take a minute of failed pings to notice; it is told.
// One that asks for exit nodes is about to register, and is in no need of either.
func (s *site) catchUp(from *session, r registration) {
	if from.askedForExitNodes {
		return
	}
	if s.tunnel.knows(r.PublicKey) {
		from.obeys = true
		from.send(outgoing{msgSync, syncOrder{wireTargets(s.targets), wireHealthChecks(s.checks)}})
		return
	}
	time.AfterFunc(exitNodesPatience, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.session == from && !from.askedForExitNodes {
			s.log.Info("reconnect-ordered", "reason", "a tunnel from before this server's start")
			from.send(outgoing{msgReconnect, struct{}{}})
		}
	})
}

// keepReports takes over what newt says of the checks that stand. What it says of one that no longer
// does is dropped.
func (s *site) keepReports(said healthReports) {
	verdicts := map[string]string{}
	for _, c := range s.checks {
		id := strconv.Itoa(c.ID)
		if report, ok := said.Targets[id]; ok && report.about(c) {
			s.reports[c.ID] = report
			verdicts[id] = report.Status
		}
	}
	s.reportedAt = time.Now()
	s.log.Info("health", "checks", verdicts)
}

// setTargets replaces the list of targets. It reports whether newt has taken it over; when newt is
// away, it gets the list as it comes back.
func (s *site) setTargets(ctx context.Context, targets []Target) bool {
	s.mu.Lock()
	orders := targetOrders(s.targets, targets)
	held := slices.ContainsFunc(addedTargets(s.targets, targets), func(t Target) bool {
		return t.Protocol == "tcp" && s.tunnel.mayHold(t.Listen)
	})
	s.targets = targets
	var done <-chan struct{}
	if held {
		done = s.reconnect("a port to open again may still be held")
	} else {
		done = s.order(orders)
	}
	s.mu.Unlock()
	s.log.Info("targets", "count", len(targets), "orders", len(orders))
	return confirmed(ctx, done) == nil
}

// setNodes replaces the nodes that newt is offered, none by the server itself. A newt that has a
// tunnel is told to build it anew.
func (s *site) setNodes(ctx context.Context, nodes []Node) bool {
	s.mu.Lock()
	s.nodes = nodes
	if len(nodes) == 0 {
		s.nodes = []Node{s.own}
	}
	var done <-chan struct{}
	// newt crashes where it is told to reconnect while it tries a tunnel; then it asks by itself.
	if s.tunnel.status().Up {
		done = s.reconnect("other nodes")
	}
	s.mu.Unlock()
	s.log.Info("nodes", "count", len(nodes))
	return confirmed(ctx, done) == nil
}

// setChecks does the same for the list of health checks.
func (s *site) setChecks(ctx context.Context, checks []HealthCheck) bool {
	s.mu.Lock()
	orders := healthCheckOrders(s.checks, checks)
	s.checks = checks
	s.reports = map[int]healthReport{}
	done := s.order(orders)
	s.mu.Unlock()
	s.log.Info("healthchecks", "count", len(checks), "orders", len(orders))
	return confirmed(ctx, done) == nil
}

// order sends messages to a newt that is ready for them. What it returns is closed once newt has
// acted on them; nil: newt is away.
func (s *site) order(messages []outgoing) <-chan struct{} {
	if s.session == nil || !s.session.obeys {
		return nil
	}
	for _, m := range messages {
		s.session.send(m)
	}
	done := make(chan struct{})
	s.session.ask(done)
	return done
}

// reconnect has newt build its end of the tunnel anew, and with it its TCP stack: the way to open a
// port again that newt's old one still holds. newt gets the targets as it connects.
func (s *site) reconnect(reason string) <-chan struct{} {
	if s.session == nil || !s.session.obeys {
		return nil
	}
	s.log.Info("reconnect-ordered", "reason", reason)
	done := make(chan struct{})
	s.session.obeys = false
	s.session.onceConnected = append(s.session.onceConnected, done)
	s.session.send(outgoing{msgReconnect, struct{}{}})
	return done
}

func confirmed(ctx context.Context, done <-chan struct{}) error {
	if done == nil {
		return errAway
	}
	ctx, cancel := context.WithTimeout(ctx, confirmPatience)
	defer cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errNotConfirmed
	}
}

// CheckedHealth is a health check and newt's own last word on it.
type CheckedHealth struct {
	HealthCheck
	Status    string    `json:"status"` // healthy, unhealthy, or unknown while newt has not reported
	Checks    int       `json:"checks"` // how many times newt has tried
	LastCheck time.Time `json:"last_check,omitzero"`
	Error     string    `json:"error,omitempty"` // newt's own words on the last failure
}

// health asks newt for a fresh report, since by itself it only tells of changes; if newt does not
// answer, its last one stands (LastCheck tells how old it is).
func (s *site) health(ctx context.Context) []CheckedHealth {
	s.mu.Lock()
	done := s.order([]outgoing{{msgHealthRequest, struct{}{}}})
	s.mu.Unlock()
	if err := confirmed(ctx, done); err != nil {
		s.log.Info("health-stale", "reason", err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	result := []CheckedHealth{}
	for _, c := range s.checks {
		checked := CheckedHealth{HealthCheck: c, Status: "unknown"}
		if r, ok := s.reports[c.ID]; ok {
			checked.Status, checked.Checks = r.Status, r.CheckCount
			checked.LastCheck, checked.Error = r.LastCheck, r.LastError
		}
		result = append(result, checked)
	}
	return result
}

// Status is the answer to GET /status.
type Status struct {
	WebSocket        WebSocketStatus `json:"websocket"`
	Tunnel           TunnelStatus    `json:"tunnel"`
	NewtVersion      string          `json:"newt_version,omitempty"`
	LastHealthReport time.Time       `json:"last_health_report,omitzero"`
	Node             string          `json:"node,omitempty"` // where newt was told to connect last
	Pings            []pingResult    `json:"pings"`          // newt's last measurement of the nodes
	Targets          []Target        `json:"targets"`
	Refused          int             `json:"refused"` // attempts with wrong credentials
}

// WebSocketStatus is the web socket's part of it.
type WebSocketStatus struct {
	Connected bool      `json:"connected"`
	Remote    string    `json:"remote,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	LastPing  time.Time `json:"last_ping,omitzero"`
}

func (s *site) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{
		Tunnel: s.tunnel.status(), NewtVersion: s.version, LastHealthReport: s.reportedAt,
		Node: s.node, Pings: s.pinged, Targets: s.targets, Refused: s.refused,
	}
	if s.session != nil {
		status.WebSocket = WebSocketStatus{
			Connected: true, Remote: s.session.remote,
			Since: s.session.since, LastPing: s.session.lastPing,
		}
	}
	return status
}
