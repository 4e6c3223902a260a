"""The versions this project is tested with. They equal the pins in requirements.txt and go.mod."""

PULUMI = "3.254.0"
LANGUAGE_HOST = "3.60.0"  # the module that is built, see languagehost/tools.go
PLUGINS = {"docker": "5.1.0", "command": "1.2.1", "kubernetes": "4.29.0"}
#: The plugins that a stack of that name uses.
PLUGINS_OF = {"nas": ("docker", "command"), "k3s-home": ("kubernetes",)}
#: The Terraform provider in the Docker plugin that is built, see dockerplugin/main.go.
DOCKER_PROVIDER = "4.6.0"
#: The release whose code the Kubernetes plugin is that is built, see kubernetesplugin/main.go.
KUBERNETES_PROVIDER = "4.25.0"
