package main

import (
	"bufio"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/tun/netstack"
)

// Inside the tunnel. These addresses never touch a wire; like Pangolin's own they are taken from
// the carrier-grade NAT range, which no private network uses.
var (
	serverIP = netip.MustParseAddr("100.89.0.1")
	newtIP   = netip.MustParseAddr("100.89.0.2")
)

const (
	tunnelMTU = 1280 // newt's default
	// newt pings every 15 s: three missed in a row are a dead tunnel.
	pingSilence = 45 * time.Second
	// newt's end of a connection can outlive ours by two minutes of dialling a target that never
	// answers, and closed ones keep their port for one more.
	portHeld = 4 * time.Minute
)

var errNoPeer = errors.New("no newt has registered: there is no tunnel")

// tunnel is the server's end of the WireGuard tunnel, with a TCP/IP stack of its own behind it. It
// knows at most one peer, and nothing about what is carried.
type tunnel struct {
	device    *device.Device
	net       *netstack.Net
	publicKey string // base64, as newt is told
	log       *slog.Logger

	mu      sync.Mutex
	peer    string            // newt's public key, base64
	dialled map[int]time.Time // by TCP port, since newt last built its end of the tunnel

	// lastPing is newt's last ping since it was last told to connect, in nanoseconds since 1970, 0
	// when there was none. It has no lock, because pinged must never wait.
	lastPing atomic.Int64
}

func startTunnel(port uint16, log *slog.Logger) (*tunnel, error) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	link, stack, err := netstack.CreateNetTUN([]netip.Addr{serverIP}, nil, tunnelMTU)
	if err != nil {
		return nil, err
	}
	t := &tunnel{
		net:       stack,
		publicKey: base64.StdEncoding.EncodeToString(key.PublicKey().Bytes()),
		log:       log,
		dialled:   map[int]time.Time{},
	}
	logger := &device.Logger{
		Verbosef: device.DiscardLogf,
		Errorf: func(format string, args ...any) {
			log.Warn("wireguard-error", "error", fmt.Sprintf(format, args...))
		},
	}
	t.device = device.NewDevice(pingWatch{link, t.pinged}, conn.NewDefaultBind(), logger)
	config := fmt.Sprintf("private_key=%s\nlisten_port=%d\n", hex.EncodeToString(key.Bytes()), port)
	if err := t.device.IpcSet(config); err != nil {
		return nil, err
	}
	if err := t.device.Up(); err != nil {
		return nil, fmt.Errorf("udp port %d: %w", port, err)
	}
	return t, nil
}

// stop closes the UDP socket. The stack behind it is left to the end of the process: closing it
// while one of its timers still sends makes the library panic.
func (t *tunnel) stop() {
	if err := t.device.Down(); err != nil {
		t.log.Warn("wireguard-error", "error", err.Error())
	}
}

// expect lets newt's key in, before newt is told to connect with it, and waits for a ping anew. A
// key that is in already is left alone: setting it again would drop the session it may have.
func (t *tunnel) expect(publicKey string) error {
	key, err := base64.StdEncoding.DecodeString(publicKey)
	if err != nil || len(key) != device.NoisePublicKeySize {
		return fmt.Errorf("public key %q is not 32 bytes in base64", publicKey)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.peer != publicKey {
		config := fmt.Sprintf("replace_peers=true\npublic_key=%s\nreplace_allowed_ips=true\nallowed_ip=%s/32\n",
			hex.EncodeToString(key), newtIP)
		if err := t.device.IpcSet(config); err != nil {
			return err
		}
		t.peer = publicKey
	}
	t.dialled = map[int]time.Time{}
	t.silence()
	return nil
}

// pinged is called for every ping that came out of the tunnel. The first one after newt was told to
// connect is the moment at which newt, too, holds the tunnel for established. The caller is the
// device's receiving goroutine, which the device waits for when expect replaces the peer: asking
// the device anything from here could wait for ever.
func (t *tunnel) pinged() {
	if t.lastPing.Swap(time.Now().UnixNano()) == 0 {
		go func() {
			t.log.Info("tunnel-up", "newt", newtIP.String(), "handshake", t.handshakeAt())
		}()
	}
}

// silence takes the tunnel for down until newt pings again.
func (t *tunnel) silence() { t.lastPing.Store(0) }

func (t *tunnel) knows(publicKey string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peer == publicKey
}

// TunnelStatus is the tunnel's part of GET /status.
type TunnelStatus struct {
	Up            bool      `json:"up"`
	LastHandshake time.Time `json:"last_handshake,omitzero"`
	LastPing      time.Time `json:"last_ping,omitzero"`
	Server        string    `json:"server"`
	Newt          string    `json:"newt"`
}

func (t *tunnel) status() TunnelStatus {
	var lastPing time.Time
	if at := t.lastPing.Load(); at != 0 {
		lastPing = time.Unix(0, at)
	}
	return TunnelStatus{
		Up:            time.Since(lastPing) < pingSilence,
		LastHandshake: t.handshakeAt(),
		LastPing:      lastPing,
		Server:        serverIP.String(),
		Newt:          newtIP.String(),
	}
}

// handshakeAt is the time of the last handshake, zero when there was none.
func (t *tunnel) handshakeAt() time.Time {
	state, err := t.device.IpcGet()
	if err != nil {
		t.log.Warn("wireguard-error", "error", err.Error())
		return time.Time{}
	}
	return lastHandshake(state)
}

// lastHandshake reads it from the device's own account of itself, lines of key=value.
func lastHandshake(state string) time.Time {
	var seconds, nanoseconds int64
	for lines := bufio.NewScanner(strings.NewReader(state)); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		switch key {
		case "last_handshake_time_sec":
			seconds, _ = strconv.ParseInt(value, 10, 64)
		case "last_handshake_time_nsec":
			nanoseconds, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	if seconds == 0 && nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, nanoseconds)
}

// mayHold tells whether newt's end may still have a connection on this TCP port. If so, newt cannot
// listen there again once it has stopped, and tells nobody: its TCP stack refuses the port.
func (t *tunnel) mayHold(port int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.dialled[port]
	return ok && time.Since(at) < portHeld
}

// dial opens a connection through the tunnel to a port on which newt listens.
func (t *tunnel) dial(ctx context.Context, protocol string, port int) (net.Conn, error) {
	t.mu.Lock()
	peer := t.peer
	if protocol == "tcp" {
		t.dialled[port] = time.Now()
	}
	t.mu.Unlock()
	if peer == "" {
		return nil, errNoPeer // would otherwise look like a time-out
	}
	return t.net.DialContext(ctx, protocol, netip.AddrPortFrom(newtIP, uint16(port)).String())
}

// pingWatch sees what newt sends through the tunnel on its way into the stack, which answers pings
// by itself and tells nobody.
type pingWatch struct {
	tun.Device
	seen func()
}

func (w pingWatch) Write(packets [][]byte, offset int) (int, error) {
	for _, packet := range packets {
		if isPing(packet[offset:]) {
			w.seen()
		}
	}
	return w.Device.Write(packets, offset)
}

// isPing recognises an IPv4 ICMP echo request.
func isPing(packet []byte) bool {
	const minHeader, protocolAt, icmp, echoRequest = 20, 9, 1, 8
	if len(packet) < minHeader || packet[0]>>4 != 4 || packet[protocolAt] != icmp {
		return false
	}
	header := int(packet[0]&0x0f) * 4
	return header >= minHeader && len(packet) > header && packet[header] == echoRequest
}
