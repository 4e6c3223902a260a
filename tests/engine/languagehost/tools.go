//go:build tools

// Package languagehost pins Pulumi's language host for Python, which tests/engine builds.
// v3.60.0 is the last release that keeps it in the sdk module; it serves newer CLIs and SDKs.
package languagehost

import _ "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
