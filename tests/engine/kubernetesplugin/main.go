// Command pulumi-resource-kubernetes is the Kubernetes provider plugin, built from Pulumi's module.
//
// Owns what Pulumi's own main adds to that module: the version, and where the schema is. Leaves out
// the mapping of Terraform's names, which only conversion from Terraform needs.
//
// The module is the newest of which the proxies have the code: that of pulumi-kubernetes 4.25.0.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

// pluginVersion is the SDK's version: the engine warns of a plugin that is older.
const pluginVersion = "4.29.0"

func main() {
	schema, err := schemaBesideProgram()
	if err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-resource-kubernetes: %v\n", err)
		os.Exit(1)
	}
	provider.Serve("kubernetes", pluginVersion, schema, []byte("{}"))
}

// schemaBesideProgram reads 7 MB that Pulumi's own main embeds: `import` and `get` need them.
// This program cannot embed a file of another module.
func schemaBesideProgram() ([]byte, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(filepath.Dir(program), "schema.json"))
}
