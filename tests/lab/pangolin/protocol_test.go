package main

import (
	"reflect"
	"strings"
	"testing"
)

func targets(entries ...string) []Target {
	list := []Target{}
	for i := 0; i < len(entries); i += 2 {
		list = append(list, Target{Protocol: entries[i], Listen: 3000 + i/2, Target: entries[i+1]})
	}
	return list
}

func TestTargetOrders(t *testing.T) {
	add := func(protocol string, entries ...string) outgoing {
		return outgoing{"newt/" + protocol + "/add", map[string]any{"targets": entries}}
	}
	remove := func(protocol string, entries ...string) outgoing {
		return outgoing{"newt/" + protocol + "/remove", map[string]any{"targets": entries}}
	}
	for name, c := range map[string]struct {
		before, after []Target
		want          []outgoing
	}{
		"nothing changes, nothing is sent": {
			targets("tcp", "a:1"), targets("tcp", "a:1"), nil,
		},
		"a new target is added": {
			targets(), targets("tcp", "a:1", "udp", "b:2"),
			[]outgoing{add("tcp", "3000:a:1"), add("udp", "3001:b:2")},
		},
		"a target that is gone is removed": {
			targets("tcp", "a:1", "udp", "b:2"), targets(),
			[]outgoing{remove("tcp", "3000:a:1"), remove("udp", "3001:b:2")},
		},
		"a target that moves is only added, because newt replaces it": {
			targets("tcp", "a:1"), targets("tcp", "a:2"), []outgoing{add("tcp", "3000:a:2")},
		},
		"the same port of the other protocol is another target": {
			targets("tcp", "a:1"), targets("udp", "a:1"),
			[]outgoing{remove("tcp", "3000:a:1"), add("udp", "3000:a:1")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := targetOrders(c.before, c.after); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestHealthCheckThatMovesIsAddedUnderItsID(t *testing.T) {
	before := []HealthCheck{{ID: 1, Host: "a", Port: 1, Mode: "tcp"}, {ID: 2, Host: "b", Port: 2, Mode: "tcp"}}
	after := []HealthCheck{{ID: 1, Host: "a", Port: 9, Mode: "tcp"}}
	want := []outgoing{
		{msgHealthRemove, map[string]any{"ids": []int{2}}},
		{msgHealthAdd, map[string]any{"targets": wireHealthChecks(after)}},
	}
	if got := healthCheckOrders(before, after); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReportOnAnotherHostIsNotTakenForThisOne(t *testing.T) {
	ordered := HealthCheck{ID: 1, Host: "10.0.1.50", Port: 3000, Mode: "tcp"}
	earlier := HealthCheck{ID: 1, Host: "10.0.1.10", Port: 22, Mode: "tcp"}
	if !(healthReport{Config: wireHealthChecks([]HealthCheck{ordered})[0]}).about(ordered) {
		t.Error("the report on the host that was ordered must be taken")
	}
	if (healthReport{Config: wireHealthChecks([]HealthCheck{earlier})[0]}).about(ordered) {
		t.Error("the report on the host that had this id before must not")
	}
}

func TestBadOrdersAreRefusedWithTheirReason(t *testing.T) {
	for reason, err := range map[string]error{
		`protocol "sctp"`: validateTargets([]Target{{"sctp", 1, "a:1"}}),
		`listen 70000`:    validateTargets([]Target{{"tcp", 70000, "a:1"}}),
		`write host:port`: validateTargets([]Target{{"tcp", 1, "a"}}),
		`target "a:0"`:    validateTargets([]Target{{"tcp", 1, "a:0"}}),
		`given twice`:     validateTargets([]Target{{"tcp", 1, "a:1"}, {"tcp", 1, "b:1"}}),
		`mode "icmp"`:     validateHealthChecks([]HealthCheck{{ID: 1, Host: "a", Port: 1, Mode: "icmp"}}),
		`host is empty`:   validateHealthChecks([]HealthCheck{{ID: 1, Port: 1, Mode: "tcp"}}),
		`port 0`:          validateHealthChecks([]HealthCheck{{ID: 1, Host: "a", Mode: "tcp"}}),
	} {
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("got %v, want an error saying %q", err, reason)
		}
	}
	if err := validateTargets([]Target{{"tcp", 1, "[fd00::1]:80"}, {"udp", 1, "a:1"}}); err != nil {
		t.Errorf("a good list is refused: %v", err)
	}
}
