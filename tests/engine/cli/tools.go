//go:build tools

// Package cli pins the Pulumi CLI, which tests/engine builds where the official one is not installed.
package cli

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
