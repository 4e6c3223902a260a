package main

import (
	"testing"
	"time"
)

func TestIsPing(t *testing.T) {
	packet := func(version, headerWords, protocol, icmpType byte, length int) []byte {
		p := make([]byte, 64)
		p[0], p[9] = version<<4|headerWords, protocol
		p[int(headerWords)*4] = icmpType
		return p[:length]
	}
	for name, c := range map[string]struct {
		packet []byte
		want   bool
	}{
		"an echo request":                    {packet(4, 5, 1, 8, 28), true},
		"an echo request with IP options":    {packet(4, 6, 1, 8, 32), true},
		"an echo reply":                      {packet(4, 5, 1, 0, 28), false},
		"a TCP packet":                       {packet(4, 5, 6, 8, 40), false},
		"an IPv6 packet":                     {packet(6, 5, 1, 8, 40), false},
		"a packet cut off in its IP header":  {packet(4, 5, 1, 8, 19), false},
		"a packet cut off after the header":  {packet(4, 5, 1, 8, 20), false},
		"a header that claims to be shorter": {packet(4, 4, 1, 8, 28), false},
		"nothing":                            {nil, false},
	} {
		if got := isPing(c.packet); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestLastHandshake(t *testing.T) {
	if got := lastHandshake("listen_port=51820\n"); !got.IsZero() {
		t.Errorf("without a peer there was no handshake, got %v", got)
	}
	if got := lastHandshake("public_key=00\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\n"); !got.IsZero() {
		t.Errorf("a peer that never shook hands has time 0, got %v", got)
	}
	got := lastHandshake("public_key=00\nlast_handshake_time_sec=1700000000\nlast_handshake_time_nsec=5\n")
	if want := time.Unix(1700000000, 5); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
