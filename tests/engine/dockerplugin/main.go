// Command pulumi-resource-docker is a Docker provider plugin: Terraform's Docker provider behind
// Pulumi's bridge. Pulumi's own plugin consists of the same two parts.
//
// Owns the names under which the bridge offers the provider, and the difference between its version
// and that inside pulumi-docker 5.1.0. Leaves out Pulumi's schema, which only code generation
// needs, and the resource docker.Image, which is not part of Terraform's provider.
//
// Go lets only modules below the provider's own import its `internal`: hence this module's name.
package main

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

const (
	// The engine warns of a plugin that is older than the SDK, so this is the SDK's version.
	pluginVersion   = "5.1.0"
	providerVersion = "4.6.0"

	longestName   = 255
	nameSeparator = "-"
)

func main() {
	tfbridge.Main("docker", pluginVersion, bridged(upstream()), []byte("{}"))
}

// upstream returns Terraform's provider, changed to behave as the version in pulumi-docker 5.1.0.
func upstream() *schema.Provider {
	docker := provider.New(providerVersion)()
	// A changed healthcheck replaces the container in 4.6.0; in 5.1.0 it is an update.
	updateInPlace(docker.ResourcesMap["docker_container"].Schema["healthcheck"])
	return docker
}

func updateInPlace(attribute *schema.Schema) {
	attribute.ForceNew = false
	if nested, ok := attribute.Elem.(*schema.Resource); ok {
		for _, field := range nested.Schema {
			field.ForceNew = false
		}
	}
}

func bridged(docker *schema.Provider) tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:       shimv2.NewProvider(docker),
		Name:    "docker",
		Version: pluginVersion,
		Config: map[string]*tfbridge.SchemaInfo{
			"host":          {Default: &tfbridge.DefaultInfo{EnvVars: []string{"DOCKER_HOST"}}},
			"registry_auth": {Name: "registryAuth"}, // without these names the bridge uses the plural
		},
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_container": {Fields: map[string]*tfbridge.SchemaInfo{
				"command":           {Name: "command"},
				"networks_advanced": {Name: "networksAdvanced"},
			}},
			"docker_image":  {Tok: "docker:index/remoteImage:RemoteImage"},
			"docker_config": {Tok: "docker:index/serviceConfig:ServiceConfig"},
		},
		DataSources: map[string]*tfbridge.DataSourceInfo{
			"docker_image": {Tok: "docker:index/getRemoteImage:getRemoteImage"},
		},
	}
	info.MustComputeTokens(tokens.SingleModule("docker_", "index", tokens.MakeStandard("docker")))
	info.SetAutonaming(longestName, nameSeparator)
	// An image's name says what to pull, so the program must give it.
	delete(info.Resources["docker_image"].Fields, "name")
	return info
}
