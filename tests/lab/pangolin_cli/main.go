// A stand-in for pangolin-cli (fosrl/cli 0.17.0 to 0.23.0), whose module the proxy did not have: its
// command `up site`, with newt's own packages inside, as the original runs it. What a site's user
// does not see is left out: accounts, the VPN client, services. What was read of the original is
// imitated, defects included:
//
//   - without a home directory every command ends;
//   - settings come from flags, variables (NEWT_* before SITE_*) and a file, in that order;
//   - the file is CONFIG_FILE, else ~/.config/pangolin/site.json;
//   - it asks Pangolin for an update of itself, unless it is told that it is in a container.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/fosrl/newt/logger"
	"github.com/fosrl/newt/newt"
	"github.com/fosrl/newt/newtconfig"
	"github.com/fosrl/newt/updates"
)

// The original waits two minutes.
const firstUpdate = 3 * time.Second

// Set by the linker.
var version, newtVersion string

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(words []string) error {
	home, err := os.UserHomeDir()
	if err != nil {
		return fmt.Errorf("no home directory for the configuration: %w", err)
	}
	if len(words) < 2 || words[0] != "up" || words[1] != "site" {
		return fmt.Errorf("unknown command %q: this stand-in has `up site` only", words)
	}
	logger.Init(nil)
	settings, err := newtconfig.Load(newtconfig.Options{
		Args:              words[2:],
		Version:           newtVersion,
		Agent:             "cli",
		AgentVersion:      version,
		Platform:          runtime.GOOS,
		DefaultConfigFile: filepath.Join(home, ".config", "pangolin", "site.json"),
	})
	if err != nil {
		return err
	}
	ended, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	site, err := newt.Init(ended, settings)
	if err != nil {
		return err
	}
	logger.Info("pangolin-cli %s, newt %s inside", version, newtVersion)
	go askForUpdate(site.GetConfig())
	site.Start(ended)
	return nil
}

func askForUpdate(settings newt.Config) {
	time.Sleep(firstUpdate)
	err := updates.CheckAndSelfUpdate(updates.SelfUpdateConfig{
		Endpoint: settings.Endpoint, NewtID: settings.ID, Secret: settings.Secret,
		CurrentVersion: newtVersion, Agent: "cli",
	})
	if errors.Is(err, updates.ErrAutoUpdateUnsupportedInOfficialContainer) {
		logger.Info("self-update: off, this is a container")
		return
	}
	logger.Warn("self-update: asked %s: %v", settings.Endpoint, err)
}
