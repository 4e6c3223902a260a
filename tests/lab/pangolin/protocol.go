package main

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"
)

// This file owns the words of newt's protocol: the messages both sides put on the web socket, what
// an order looks like, and what changes when one list of orders replaces another. It sends nothing.

// Messages newt sends.
const (
	msgPing          = "newt/ping"               // every 30 s
	msgExitNodesWant = "newt/ping/request"       // repeated every 3 s until answered
	msgRegister      = "newt/wg/register"        // repeated every 2 s until answered
	msgHealthReport  = "newt/healthcheck/status" // all checks, whenever one changes or on request
	msgSocketStatus  = "newt/socket/status"      // the answer to msgSocketCheck
	msgSayingGoodbye = "newt/disconnecting"      // on SIGTERM
)

// Messages newt obeys. Those for targets are put together in targetOrders.
const (
	msgExitNodes     = "newt/ping/exitNodes"
	msgConnect       = "newt/wg/connect"
	msgReconnect     = "newt/wg/reconnect"
	msgSync          = "newt/sync"
	msgHealthAdd     = "newt/healthcheck/add"
	msgHealthRemove  = "newt/healthcheck/remove"
	msgHealthRequest = "newt/healthcheck/status/request"
	msgSocketCheck   = "newt/socket/check"
)

const (
	serverVersion     = "1.13.0" // without one, newt complains of an old server
	healthInterval    = 2        // seconds between two checks: a test need not wait long for a change
	healthDialTimeout = 3        // seconds; a dropped packet must become a verdict quickly
	maxTargets        = 10000
	maxHealthChecks   = 1000
)

// incoming and outgoing are the envelope of every message, told apart by when data is decoded.
type incoming struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

type outgoing struct {
	Type string `json:"type"`
	Data any    `json:"data"`
}

// chained carries the id by which newt recognises the answer to its latest question: it discards
// an answer that bears an older one.
type chained struct {
	ChainID string `json:"chainId"`
}

type registration struct {
	chained
	PublicKey   string `json:"publicKey"`
	NewtVersion string `json:"newtVersion"`
	// BackwardsCompatible marks a courtesy to old servers that wants no answer.
	BackwardsCompatible bool `json:"backwardsCompatible"`
	// PingResults are newt's measurements of the nodes that it was offered.
	PingResults []pingResult `json:"pingResults"`
}

type exitNodes struct {
	chained
	ExitNodes []exitNode `json:"exitNodes"`
}

type connectOrder struct {
	chained
	Endpoint           string              `json:"endpoint"`
	PublicKey          string              `json:"publicKey"`
	ServerIP           string              `json:"serverIP"`
	TunnelIP           string              `json:"tunnelIP"`
	Targets            targetsByProtocol   `json:"targets"`
	HealthCheckTargets []healthCheckConfig `json:"healthCheckTargets"`
}

// syncOrder replaces all that newt was told before, where add and remove are changes to it.
type syncOrder struct {
	Targets            targetsByProtocol   `json:"proxyTargets"`
	HealthCheckTargets []healthCheckConfig `json:"healthCheckTargets"`
}

type targetsByProtocol struct {
	TCP []string `json:"tcp"`
	UDP []string `json:"udp"`
}

func (t targetsByProtocol) of(protocol string) []string {
	if protocol == "udp" {
		return t.UDP
	}
	return t.TCP
}

// Target is an order to expose something: newt listens on a port of its own end of the tunnel and
// dials the target, from its own network, for each connection that arrives there.
type Target struct {
	Protocol string `json:"protocol"`
	Listen   int    `json:"listen"`
	Target   string `json:"target"`
}

func (t Target) slot() string { return t.Protocol + "/" + strconv.Itoa(t.Listen) }

// addedTargets are those for which newt must open a port to get from one list to the other: new ones
// and those that changed.
func addedTargets(before, after []Target) []Target {
	var added []Target
	for _, t := range after {
		if !slices.Contains(before, t) {
			added = append(added, t)
		}
	}
	return added
}

func validateTargets(targets []Target) error {
	if len(targets) > maxTargets {
		return fmt.Errorf("%d targets: at most %d", len(targets), maxTargets)
	}
	seen := map[string]bool{}
	for _, t := range targets {
		if t.Protocol != "tcp" && t.Protocol != "udp" {
			return fmt.Errorf("protocol %q: write tcp or udp", t.Protocol)
		}
		if !isPort(t.Listen) {
			return fmt.Errorf("listen %d: a port is 1 to 65535", t.Listen)
		}
		host, port, err := net.SplitHostPort(t.Target)
		if err != nil || host == "" {
			return fmt.Errorf("target %q: write host:port", t.Target)
		}
		if n, err := strconv.Atoi(port); err != nil || !isPort(n) {
			return fmt.Errorf("target %q: a port is 1 to 65535", t.Target)
		}
		if seen[t.slot()] {
			return fmt.Errorf("listen %s is given twice: choose another port", t.slot())
		}
		seen[t.slot()] = true
	}
	return nil
}

// wireTargets is the form newt reads: "listen:host:port". Empty lists, never null: so does Pangolin.
func wireTargets(targets []Target) targetsByProtocol {
	wire := targetsByProtocol{TCP: []string{}, UDP: []string{}}
	for _, t := range targets {
		entry := fmt.Sprintf("%d:%s", t.Listen, t.Target)
		if t.Protocol == "udp" {
			wire.UDP = append(wire.UDP, entry)
		} else {
			wire.TCP = append(wire.TCP, entry)
		}
	}
	return wire
}

// targetOrders are the messages that turn one list of targets into another. A port that only
// changes its target is not removed first: newt replaces what it has when told to add.
func targetOrders(before, after []Target) []outgoing {
	var removed []Target
	for _, t := range before {
		if !slices.ContainsFunc(after, func(o Target) bool { return o.slot() == t.slot() }) {
			removed = append(removed, t)
		}
	}
	added := addedTargets(before, after)
	var orders []outgoing
	for _, protocol := range []string{"tcp", "udp"} {
		if gone := wireTargets(removed).of(protocol); len(gone) > 0 {
			orders = append(orders, outgoing{"newt/" + protocol + "/remove", map[string]any{"targets": gone}})
		}
		if fresh := wireTargets(added).of(protocol); len(fresh) > 0 {
			orders = append(orders, outgoing{"newt/" + protocol + "/add", map[string]any{"targets": fresh}})
		}
	}
	return orders
}

// HealthCheck is an order to probe a host, from newt's network, and to report what came of it. It
// needs no tunnel: a server that owns nothing but the web socket can scan a network with it.
type HealthCheck struct {
	ID   int    `json:"id"`
	Host string `json:"host"`
	Port int    `json:"port"`
	Mode string `json:"mode"`           // tcp or http
	Path string `json:"path,omitempty"` // http only
}

type healthCheckConfig struct {
	ID                int    `json:"id"`
	Enabled           bool   `json:"hcEnabled"`
	Mode              string `json:"hcMode"`
	Hostname          string `json:"hcHostname"`
	Port              int    `json:"hcPort"`
	Path              string `json:"hcPath"`
	Scheme            string `json:"hcScheme"`
	Method            string `json:"hcMethod"`
	Interval          int    `json:"hcInterval"`
	UnhealthyInterval int    `json:"hcUnhealthyInterval"`
	Timeout           int    `json:"hcTimeout"`
}

// healthReports is what newt says of all its checks, by id (JSON keys are strings).
type healthReports struct {
	Targets map[string]healthReport `json:"targets"`
}

type healthReport struct {
	Status     string            `json:"status"` // healthy, unhealthy or unknown
	LastCheck  time.Time         `json:"lastCheck"`
	CheckCount int               `json:"checkCount"`
	LastError  string            `json:"lastError"`
	Config     healthCheckConfig `json:"config"`
}

// about tells whether a report belongs to this order: one still under way when an id was given to
// another host must not be taken for that host's.
func (r healthReport) about(c HealthCheck) bool {
	return r.Config.Hostname == c.Host && r.Config.Port == c.Port && r.Config.Mode == c.Mode
}

func validateHealthChecks(checks []HealthCheck) error {
	if len(checks) > maxHealthChecks {
		return fmt.Errorf("%d health checks: at most %d", len(checks), maxHealthChecks)
	}
	seen := map[int]bool{}
	for _, c := range checks {
		if c.Mode != "tcp" && c.Mode != "http" {
			return fmt.Errorf("health check %d: mode %q: write tcp or http", c.ID, c.Mode)
		}
		if c.Host == "" {
			return fmt.Errorf("health check %d: host is empty", c.ID)
		}
		if !isPort(c.Port) {
			return fmt.Errorf("health check %d: port %d: a port is 1 to 65535", c.ID, c.Port)
		}
		if seen[c.ID] {
			return fmt.Errorf("health check id %d is given twice", c.ID)
		}
		seen[c.ID] = true
	}
	return nil
}

func wireHealthChecks(checks []HealthCheck) []healthCheckConfig {
	wire := []healthCheckConfig{}
	for _, c := range checks {
		wire = append(wire, healthCheckConfig{
			ID: c.ID, Enabled: true, Mode: c.Mode, Hostname: c.Host, Port: c.Port,
			Path: c.Path, Scheme: "http", Method: "GET",
			Interval: healthInterval, UnhealthyInterval: healthInterval, Timeout: healthDialTimeout,
		})
	}
	return wire
}

// healthCheckOrders are the messages that turn one list of checks into another. As with targets,
// adding an id that newt has replaces it.
func healthCheckOrders(before, after []HealthCheck) []outgoing {
	var removed []int
	for _, c := range before {
		if !slices.ContainsFunc(after, func(o HealthCheck) bool { return o.ID == c.ID }) {
			removed = append(removed, c.ID)
		}
	}
	var added []HealthCheck
	for _, c := range after {
		if !slices.Contains(before, c) {
			added = append(added, c)
		}
	}
	var orders []outgoing
	if len(removed) > 0 {
		orders = append(orders, outgoing{msgHealthRemove, map[string]any{"ids": removed}})
	}
	if len(added) > 0 {
		orders = append(orders, outgoing{msgHealthAdd, map[string]any{"targets": wireHealthChecks(added)}})
	}
	return orders
}

func isPort(n int) bool { return n >= 1 && n <= 65535 }
