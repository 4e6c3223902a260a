//go:build tools

// Package storage pins the provisioner that k3s ships: it makes the volumes of the lab's cluster.
package storage

import _ "github.com/rancher/local-path-provisioner"
