//go:build tools

// Package cilium pins Cilium, the enforcer of NetworkPolicies on the lab's node.
package cilium

import (
	_ "github.com/cilium/cilium/daemon/cmd"
	_ "github.com/cilium/cilium/operator/cmd"
	_ "github.com/cilium/cilium/plugins/cilium-cni/cmd"
)
