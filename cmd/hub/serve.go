package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
)

const serveHelp = `Run a hub until SIGTERM or SIGINT, which drains it: sessions are closed one by
one over drain.window, then it exits 0. A second signal exits at once, with 130.

SIGHUP reads the configuration, secrets, certificates and channels again and logs
what changed; on a mistake the old state stays.

` + configHelp

const configHelp = `The configuration is --config, else HUB_CONFIG, else ./hub.yaml if it is there.
Flags win over HUB_… variables, they over the file, and the file over defaults.
Every single value and list of values has a variable: limits.max_ids is
HUB_LIMITS_MAX_IDS, http.allowed_origins is HUB_HTTP_ALLOWED_ORIGINS (comma
separated), drain.window is HUB_DRAIN_WINDOW (as 30s). An empty one counts as
none. Relative paths in the file are relative to the file; others to where the
command runs.`

func (f *configFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.config, "config", "", "configuration file (default ./hub.yaml if it is there, or HUB_CONFIG)")
	cmd.Flags().StringVar(&f.http, "http", "", "address for browsers (default 127.0.0.1:8080)")
	cmd.Flags().StringVar(&f.grpc, "grpc", "", "address for backends (default 127.0.0.1:8081)")
	cmd.Flags().StringVar(&f.ops, "ops", "", "address for /metrics and pprof, or off (default 127.0.0.1:9090)")
	cmd.Flags().StringArrayVar(&f.channels, "channels", nil, "directory of .proto files, or a compiled descriptor set; may be repeated")
	cmd.Flags().BoolVar(&f.insecure, "insecure", false,
		"allow a gRPC address beyond loopback without TLS and credentials: whoever reaches it may broadcast")
}

func (p *program) serve() *cobra.Command {
	var flags configFlags
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Run a hub",
		Long:    serveHelp,
		Example: "  hub serve --channels ./proto",
		Args:    takesNothing(),
		RunE: p.begin(func(ctx context.Context, _ []string) error {
			return p.runHub(ctx, flags)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.add(cmd)
	return cmd
}

// runHub runs a hub until ctx ends and the drain is over.
func (p *program) runHub(ctx context.Context, flags configFlags) error {
	config, err := loadConfig(flags, p.env)
	if err != nil {
		return err
	}
	log := newLog(p.stderr, config.proto.GetLog())
	config.server.Log, config.server.Version = log.Logger, readBuild().Version
	hub, err := p.open(config.server)
	if err != nil {
		return config.placed(err).err()
	}
	if config.file == "" {
		log.Info("no configuration file: flags, HUB_… variables and defaults")
	} else {
		log.Info("configuration", "file", config.file)
	}
	log.notes(config.notes)

	ended := make(chan error, 1) // Run's end, once
	go func() { ended <- hub.Run(ctx) }()
	ready := hub.Ready()
	for {
		select {
		case <-ready:
			ready = nil
			p.greet(log, hub, config)
		case <-p.hangup:
			p.reload(ctx, log, hub, flags)
		case err := <-ended:
			return err
		}
	}
}

// greet tells where the hub is, a line each.
func (p *program) greet(log *logger, hub front, config *configuration) {
	at := hub.Addresses()
	scheme := "http://"
	if config.server.HTTP.TLS != nil {
		scheme = "https://"
	}
	log.Info("browsers connect to", "address", scheme+at.HTTP)
	log.Info("backends connect to", "address", at.GRPC)
	if at.Ops != "" {
		log.Info("operators connect to", "address", "http://"+at.Ops+"/metrics")
	}
	log.Info("channels are declared", "number", hub.Channels())
}

// reload reads everything again. The old state stays on any mistake: a running
// hub is not lost to a typing error.
func (p *program) reload(ctx context.Context, log *logger, hub front, flags configFlags) {
	changes, err := p.replace(ctx, log, hub, flags)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			log.Error("not reloaded, the old state stays", "error", line)
		}
		return
	}
	for line := range strings.SplitSeq(changes, "\n") {
		log.Info("reloaded", "change", line)
	}
}

// replace gives the hub the configuration as it is now; the level of the log
// goes with it.
func (p *program) replace(ctx context.Context, log *logger, hub front, flags configFlags) (changes string, err error) {
	config, err := loadConfig(flags, p.env)
	if err != nil {
		return "", err
	}
	config.server.Log, config.server.Version = log.Logger, readBuild().Version
	if changes, err = hub.Reload(ctx, config.server); err != nil {
		return "", config.placed(err).err()
	}
	log.level(config.proto.GetLog())
	log.notes(config.notes)
	return changes, nil
}
