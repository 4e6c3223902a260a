package main

import "testing"

func TestTheHeaviestNodeThatAnsweredIsChosenTheFastestOfSeveral(t *testing.T) {
	nodes := []Node{{"a", "a.example", 1}, {"b", "b.example", 2}, {"c", "c.example", 2}}
	for _, c := range []struct {
		what    string
		results []pingResult
		want    string
	}{
		{"nothing was measured", nil, ""},
		{"one, whose latency is nothing", []pingResult{{ID: 1}}, "a.example"},
		{"weight before latency", []pingResult{{ID: 1, LatencyMs: 1}, {ID: 2, LatencyMs: 90}}, "b.example"},
		{"latency", []pingResult{{ID: 2, LatencyMs: 9}, {ID: 3, LatencyMs: 8}}, "c.example"},
		{"an error", []pingResult{{ID: 2, Error: "timeout"}, {ID: 1, LatencyMs: 8}}, "a.example"},
		{"errors only", []pingResult{{ID: 1, Error: "x"}, {ID: 2, Error: "x"}, {ID: 3, Error: "x"}}, ""},
		{"a node that is not offered", []pingResult{{ID: 0}, {ID: 4}}, ""},
	} {
		got := ""
		if node := chosen(nodes, c.results); node != nil {
			got = node.Endpoint
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

func TestNewtIsToldWhereItsTunnelEndedLast(t *testing.T) {
	for _, n := range offered([]Node{{"a", "a.example", 1}, {"b", "b.example", 1}}, "b.example") {
		if n.Previous != (n.Endpoint == "b.example") {
			t.Errorf("%s: got %v", n.Endpoint, n.Previous)
		}
	}
}

func TestNodesHaveANameAndEachAnEndpointOfItsOwn(t *testing.T) {
	for _, wrong := range [][]Node{
		{{"", "a.example", 1}}, {{"a", "", 1}}, {{"a", "a.example", 1}, {"b", "a.example", 1}},
		make([]Node, maxNodes+1),
	} {
		if validateNodes(wrong) == nil {
			t.Errorf("%v was taken", wrong[0])
		}
	}
}
