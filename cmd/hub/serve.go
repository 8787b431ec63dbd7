package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"
)

const serveHelp = `Run a hub until SIGTERM or SIGINT, which drains it: sessions are closed one by
one over drain.window, then it exits 0. A second signal exits at once, with 130.

SIGHUP reads the configuration, secrets, certificates and channels again and logs
what changed; on a mistake the old state stays.

With --watch the channels, and nothing else, are also read again whenever a .proto
file or a descriptor set of theirs changes. A broken file keeps the last good
channels; the log has each mistake with its place.

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
	var watch bool
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Run a hub",
		Long:    serveHelp,
		Example: "  hub serve --channels ./proto --watch",
		Args:    takesNothing(),
		RunE: p.begin(func(ctx context.Context, _ []string) error {
			return p.runHub(ctx, flags, watch)
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&watch, "watch", false, "read the channels again when their files change")
	return cmd
}

// runHub runs a hub until ctx ends and the drain is over.
func (p *program) runHub(ctx context.Context, flags configFlags, watch bool) error {
	config, err := loadConfig(flags, p.env)
	if err != nil {
		return err
	}
	if watch && len(config.server.Channels) == 0 {
		return usageError{errors.New("--watch has nothing to watch; name channels with --channels")}
	}
	log := newLog(p.stderr, config.proto.GetLog())
	config.server.Log, config.server.Version = log.Logger, readBuild().Version
	var files *watcher // nil: nothing is watched
	if watch {
		// Before the channels are read: what changes meanwhile is read once more.
		if files, err = watchChannels(ctx, log, config.server.Channels); err != nil {
			return err
		}
		defer files.close()
	}
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
			p.greet(log, hub, config, watch)
		case <-p.hangup:
			config = p.reload(ctx, log, hub, files, flags, config)
		case <-files.changes():
			reloadChannels(ctx, log, hub, config)
		case err := <-ended:
			return err
		}
	}
}

// greet tells where the hub is, a line each.
func (p *program) greet(log *logger, hub front, config *configuration, watch bool) {
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
	if watch {
		log.Info("channels are watched", "paths", config.server.Channels)
	}
}

// reload reads everything again and returns what is then in force: the old state
// stays on any mistake, for a running hub is not lost to a typing error. The level
// of the log and the watched files go with it.
func (p *program) reload(
	ctx context.Context, log *logger, hub front, files *watcher, flags configFlags, old *configuration,
) *configuration {
	config, err := loadConfig(flags, p.env)
	if err != nil {
		log.keeps(err)
		return old
	}
	files.watch(slices.Concat(old.server.Channels, config.server.Channels)...)
	config.server.Log, config.server.Version = log.Logger, readBuild().Version
	changes, err := hub.Reload(ctx, config.server)
	if err != nil {
		log.keeps(config.placed(err).err())
		files.watch(old.server.Channels...)
		return old
	}
	files.watch(config.server.Channels...)
	log.level(config.proto.GetLog())
	log.notes(config.notes)
	log.reloaded(changes)
	return config
}

// reloadChannels reads the channels of the configuration in force again.
func reloadChannels(ctx context.Context, log *logger, hub front, config *configuration) {
	changes, err := hub.Reload(ctx, config.server)
	if err != nil {
		log.keeps(config.placed(err).err())
		return
	}
	log.reloaded(changes)
}
