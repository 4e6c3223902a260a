package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

const (
	floodPorts = 100 // that UDP is sent from; each TCP connection has one of its own
	floodPause = time.Millisecond
)

var floodText = []byte("flood")

// flood sends UDP packets and opens TCP connections, in turn, to every address in turn. It needs no
// capability. What became of a packet is not for this side to say, so errors are not looked at: a
// refusal by a firewall is one.
func flood(seconds, perSecond string, addresses []string) error {
	limit, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		return fmt.Errorf("flood: for how many seconds? %w", err)
	}
	rate, err := strconv.ParseFloat(perSecond, 64)
	if err != nil {
		return fmt.Errorf("flood: how many packets a second? %w", err)
	}
	var targets []*syscall.SockaddrInet4
	for _, address := range addresses {
		place, err := netip.ParseAddrPort(address)
		if err != nil || !place.Addr().Is4() {
			return fmt.Errorf("flood: %s is not an IPv4 address with a port", address)
		}
		targets = append(targets, &syscall.SockaddrInet4{
			Addr: place.Addr().As4(), Port: int(place.Port()),
		})
	}
	var senders []int
	for range floodPorts {
		sender, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		senders = append(senders, sender)
	}
	sent := 0
	for started := time.Now(); time.Since(started).Seconds() < limit; time.Sleep(floodPause) {
		for float64(sent) < time.Since(started).Seconds()*rate {
			target := targets[sent/2%len(targets)]
			if sent%2 == 0 {
				_ = syscall.Sendto(senders[sent/2%len(senders)], floodText, syscall.MSG_DONTWAIT, target)
			} else if err := open(target); err != nil {
				return err
			}
			sent++
		}
	}
	stay()
	return nil
}

// open sends the first packet of a TCP connection, and waits for nothing.
func open(target *syscall.SockaddrInet4) error {
	connection, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	// A connection that was answered already ends with a reset, and leaves nothing behind.
	reset := &syscall.Linger{Onoff: 1}
	if err := syscall.SetsockoptLinger(connection, syscall.SOL_SOCKET, syscall.SO_LINGER, reset); err != nil {
		return err
	}
	_ = syscall.Connect(connection, target)
	return syscall.Close(connection)
}
