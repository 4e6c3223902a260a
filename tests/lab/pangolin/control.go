package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	maxRequest     = 2 << 20 // bytes of a control request: room for maxTargets
	maxBody        = 1 << 20 // bytes of a fetched page that are kept
	maxFirstBytes  = 4 << 10 // bytes of a dialled service's greeting that are kept
	defaultTimeout = 5.0     // seconds
	maxTimeout     = 60.0    // seconds
)

// control is the API of the tests. An order that cannot be understood is answered 400; whatever a
// probe through the tunnel finds, a failure too, is a result and answered 200.
type control struct {
	site   *site
	tunnel *tunnel
	pings  *pings
}

func newControl(site *site, tun *tunnel, pings *pings) http.Handler {
	c := &control{site, tun, pings}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, site.status())
	})
	mux.HandleFunc("PUT /nodes", c.putNodes)
	mux.HandleFunc("PUT /targets", c.putTargets)
	mux.HandleFunc("PUT /healthchecks", c.putHealthChecks)
	mux.HandleFunc("GET /healthchecks", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, site.health(r.Context()))
	})
	mux.HandleFunc("POST /fetch", c.fetch)
	mux.HandleFunc("POST /dial", c.dial)
	return mux
}

// failure is how an error reads on this API.
type failure struct {
	Error string `json:"error"`
}

// taken answers an order: Applied is false while newt is away, or when it did not confirm in time.
type taken struct {
	Count   int  `json:"count"`
	Applied bool `json:"applied"`
}

func (c *control) putNodes(w http.ResponseWriter, r *http.Request) {
	nodes := []Node{}
	if !read(w, r, &nodes, func() error { return validateNodes(nodes) }) {
		return
	}
	if len(nodes) > 0 {
		if err := c.pings.start(); err != nil {
			writeJSON(w, http.StatusInternalServerError, failure{err.Error()})
			return
		}
	}
	writeJSON(w, http.StatusOK, taken{len(nodes), c.site.setNodes(r.Context(), nodes)})
}

func (c *control) putTargets(w http.ResponseWriter, r *http.Request) {
	targets := []Target{}
	if read(w, r, &targets, func() error { return validateTargets(targets) }) {
		writeJSON(w, http.StatusOK, taken{len(targets), c.site.setTargets(r.Context(), targets)})
	}
}

func (c *control) putHealthChecks(w http.ResponseWriter, r *http.Request) {
	checks := []HealthCheck{}
	if read(w, r, &checks, func() error { return validateHealthChecks(checks) }) {
		writeJSON(w, http.StatusOK, taken{len(checks), c.site.setChecks(r.Context(), checks)})
	}
}

type fetchRequest struct {
	Listen  int     `json:"listen"`
	Path    string  `json:"path"`
	Timeout float64 `json:"timeout"`
}

func (f *fetchRequest) validate() error {
	if !strings.HasPrefix(f.Path, "/") {
		return fmt.Errorf("path %q: begin it with /", f.Path)
	}
	return validateProbe(f.Listen, f.Timeout)
}

type fetched struct {
	Status    int    `json:"status"`
	Body      string `json:"body"`
	Truncated bool   `json:"truncated,omitempty"`
}

func (c *control) fetch(w http.ResponseWriter, r *http.Request) {
	request := fetchRequest{Path: "/", Timeout: defaultTimeout}
	if !read(w, r, &request, request.validate) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), seconds(request.Timeout))
	defer cancel()
	page, err := c.get(ctx, request.Listen, request.Path)
	if err != nil {
		writeJSON(w, http.StatusOK, failure{explain(err)})
		return
	}
	writeJSON(w, http.StatusOK, page)
}

// get fetches a page as Pangolin would for a visitor: each time over a connection of its own, and
// without following a redirect, which would lead out of the tunnel.
func (c *control) get(ctx context.Context, port int, path string) (fetched, error) {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return c.tunnel.dial(ctx, "tcp", port)
		},
	}
	target := "http://" + net.JoinHostPort(newtIP.String(), strconv.Itoa(port)) + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return fetched{}, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fetched{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return fetched{}, err
	}
	truncated := len(body) > maxBody
	if truncated {
		body = body[:maxBody]
	}
	return fetched{response.StatusCode, string(body), truncated}, nil
}

type dialRequest struct {
	Protocol string  `json:"protocol"`
	Listen   int     `json:"listen"`
	Send     string  `json:"send"` // said first, for a service that waits to be spoken to
	Timeout  float64 `json:"timeout"`
}

func (d *dialRequest) validate() error {
	if d.Protocol != "tcp" && d.Protocol != "udp" {
		return fmt.Errorf("protocol %q: write tcp or udp", d.Protocol)
	}
	return validateProbe(d.Listen, d.Timeout)
}

// dialled tells what came of a connection. That it opened proves little: newt itself accepts it,
// before it dials the target. So the outcome is what followed: "data", with the first bytes;
// "closed" (newt gave up: the target refused it); "silent" (the target waits to be spoken to, or
// cannot be reached: the two look alike from here).
type dialled struct {
	Outcome string `json:"outcome"`
	Data    string `json:"data,omitempty"`
}

func (c *control) dial(w http.ResponseWriter, r *http.Request) {
	request := dialRequest{Protocol: "tcp", Timeout: defaultTimeout}
	if !read(w, r, &request, request.validate) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), seconds(request.Timeout))
	defer cancel()
	result, err := c.greet(ctx, request)
	if err != nil {
		writeJSON(w, http.StatusOK, failure{explain(err)})
		return
	}
	writeJSON(w, http.StatusOK, result)
}

func (c *control) greet(ctx context.Context, request dialRequest) (dialled, error) {
	conn, err := c.tunnel.dial(ctx, request.Protocol, request.Listen)
	if err != nil {
		return dialled{}, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return dialled{}, err
		}
	}
	if request.Send != "" {
		if _, err := io.WriteString(conn, request.Send); err != nil {
			return dialled{}, err
		}
	}
	buffer := make([]byte, maxFirstBytes)
	n, err := conn.Read(buffer)
	switch {
	case n > 0:
		return dialled{"data", string(buffer[:n])}, nil
	case isTimeout(err):
		return dialled{Outcome: "silent"}, nil
	default:
		return dialled{Outcome: "closed"}, nil
	}
}

// explain begins the failures that a test tells apart with a word each: refused (newt does not listen
// on the port), closed (newt listens, and could not connect to the target), timeout (neither).
func explain(err error) string {
	// The tunnel's TCP stack has texts where the system has error numbers.
	text := err.Error()
	switch {
	case isTimeout(err):
		return "timeout: " + text
	case strings.HasSuffix(text, "connection was refused"):
		return "refused: newt does not listen there: " + text
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		strings.HasSuffix(text, "connection reset by peer"):
		return "closed: newt hung up, as it does when its target refuses: " + text
	default:
		return text
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		(errors.As(err, &timeout) && timeout.Timeout())
}

// read decodes and checks a request, or answers why it could not be.
func read(w http.ResponseWriter, r *http.Request, into any, validate func() error) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		err = validate()
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, failure{err.Error()})
		return false
	}
	return true
}

func validateProbe(listen int, timeout float64) error {
	if !isPort(listen) {
		return fmt.Errorf("listen %d: a port is 1 to 65535", listen)
	}
	if timeout <= 0 || timeout > maxTimeout {
		return fmt.Errorf("timeout %v: more than 0 and at most %v seconds", timeout, maxTimeout)
	}
	return nil
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
