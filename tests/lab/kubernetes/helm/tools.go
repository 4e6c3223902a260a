//go:build tools

// Package helm pins Helm, which installs the chart in the lab as it does anywhere.
package helm

import _ "helm.sh/helm/v3/cmd/helm"
