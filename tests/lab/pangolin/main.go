// Command pangolin is the lab's dummy Pangolin: the server that a real newt connects to.
//
// It owns three things: the HTTPS face newt signs in to (credentials, then a web socket), the far
// end of the WireGuard tunnel (in user space, so it needs neither a kernel module nor a privilege),
// and a control API on a unix socket through which a test gives orders the way whoever owns a
// Pangolin server could: expose this target, check that host, fetch that page through the tunnel.
//
// It leaves out whatever newt does not need to become healthy: users, sites, resources, a database,
// Traefik, clients. It serves one newt, and keeps no state between runs.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// shutdownGrace is how long requests in flight may still run after SIGTERM.
const shutdownGrace = 2 * time.Second

type options struct {
	listen        string
	wireguardPort uint
	publicHost    string
	certFile      string
	keyFile       string
	newtID        string
	secretFile    string
	provisioning  string
	controlSocket string
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "203.0.113.10:443", "address of the HTTPS server")
	flag.UintVar(&o.wireguardPort, "wireguard-port", 51820, "UDP port of the tunnel, on every address")
	flag.StringVar(&o.publicHost, "public-host", "pangolin.example.com",
		"name or address that newt is told to reach the tunnel at")
	flag.StringVar(&o.certFile, "cert", "", "TLS certificate chain, PEM (required)")
	flag.StringVar(&o.keyFile, "key", "", "TLS private key, PEM (required)")
	flag.StringVar(&o.newtID, "id", "", "id of the one newt that may connect (required)")
	// A file, because every user of the machine can read a process's arguments.
	flag.StringVar(&o.secretFile, "secret-file", "", "file holding newt's secret (required)")
	flag.StringVar(&o.provisioning, "provisioning-key-file", "",
		"file holding the provisioning key that is good for id and secret, once; read at each request")
	flag.StringVar(&o.controlSocket, "control", "", "unix socket of the control API (required)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "pangolin:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends (nil) or one of the servers fails.
func run(ctx context.Context, o options) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	for _, required := range []struct{ flag, value string }{
		{"cert", o.certFile}, {"key", o.keyFile}, {"id", o.newtID},
		{"secret-file", o.secretFile}, {"control", o.controlSocket},
	} {
		if required.value == "" {
			return fmt.Errorf("-%s is required (see -help)", required.flag)
		}
	}
	if o.wireguardPort < 1 || o.wireguardPort > 65535 {
		return fmt.Errorf("-wireguard-port %d: a port is 1 to 65535", o.wireguardPort)
	}
	secret, err := readSecret(o.secretFile)
	if err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
	if err != nil {
		return fmt.Errorf("-cert, -key: %w", err)
	}
	log := eventLog()

	tun, err := startTunnel(uint16(o.wireguardPort), log)
	if err != nil {
		return fmt.Errorf("tunnel: %w", err)
	}
	defer tun.stop()

	site := newSite(o.publicHost, strconv.Itoa(int(o.wireguardPort)), tun, log)
	nodePings := &pings{log: log}
	defer nodePings.stop()

	public := &http.Server{
		Addr:      o.listen,
		Handler:   newFace(o.newtID, secret, o.provisioning, site, log),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
		// newt's web socket ends with ctx: Shutdown does not know about hijacked connections.
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		// A probe that connects and hangs up shows up here; it is an event like the others.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	control := &http.Server{
		Handler:           newControl(site, tun, nodePings),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
	}
	controlListener, err := listenUnix(o.controlSocket)
	if err != nil {
		return err
	}
	publicListener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return errors.Join(fmt.Errorf("-listen %s: %w", o.listen, err), controlListener.Close())
	}
	log.Info("listening", "https", publicListener.Addr().String(),
		"wireguard_port", o.wireguardPort, "control", o.controlSocket)

	failed := make(chan error, 2)
	go func() { failed <- public.ServeTLS(publicListener, "", "") }()
	go func() { failed <- control.Serve(controlListener) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}

	log.Info("stopping")
	end()
	graceful, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	err = errors.Join(err, control.Shutdown(graceful), public.Shutdown(graceful))
	site.wait()
	return err
}

// eventLog writes one JSON object per event to stdout: {"time":…,"event":…,…}.
func eventLog() *slog.Logger {
	return slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) > 0 {
				return a
			}
			switch a.Key {
			case slog.MessageKey:
				a.Key = "event"
			case slog.LevelKey:
				return slog.Attr{} // every line is an event, none matters more than another
			}
			return a
		},
	}))
}

func readSecret(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("-secret-file: %w", err)
	}
	secret := bytes.TrimSpace(data)
	if len(secret) == 0 {
		return "", fmt.Errorf("-secret-file %s is empty: write newt's secret into it", path)
	}
	return string(secret), nil
}

// listenUnix replaces a socket left behind by a run that was killed, and lets only its own user in:
// who can open this socket can give newt any order.
func listenUnix(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("-control %s exists and is not a socket: choose another path", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("-control: %w", err)
		}
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("-control: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("-control: %w", err), listener.Close())
	}
	return listener, nil
}
