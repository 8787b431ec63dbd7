package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"buf.build/go/protovalidate"

	configv1 "github.com/realtime-hub/hub/gen/hub/config/v1"
	"github.com/realtime-hub/hub/hub/server"
)

// defaultConfig is the file that is read when none is named and it is there.
const defaultConfig = "hub.yaml"

// configFlags are the flags that serve and check share. Empty: not given.
type configFlags struct {
	config, http, grpc, ops string
	channels                []string
	insecure                bool
}

// A configuration is what is in force: flags over HUB_… variables over the
// file over defaults.
type configuration struct {
	// file is the file that was read; empty: none.
	file string
	// proto is the merged, valid form; server is what the hub is told.
	proto  *configv1.Config
	server server.Config
	// notes are what was found odd, but not wrong.
	notes []string

	layers *layers
}

// loadConfig reads everything anew: the file, and the secrets and
// certificates that it names. Whatever is wrong is reported at once, as
// mistakes; another error is a file that cannot be read at all.
func loadConfig(flags configFlags, env environment) (*configuration, error) {
	l, path, err := loadLayers(flags, env)
	if err != nil {
		return nil, err
	}
	a := &assembler{layers: l, env: env}
	if len(l.mistakes) == 0 {
		// With broken rules the rest is not worth reading: a mistake in a name
		// would come back as a file that cannot be found.
		a.assemble(flags.insecure)
	}
	if err := l.mistakes.err(); err != nil {
		return nil, err
	}
	c := &configuration{file: path, proto: l.message, server: a.out, layers: l}
	for _, name := range env.strays(l.message.ProtoReflect().Descriptor(), a.used) {
		c.notes = append(c.notes, name+" is set, but no field of the configuration has this variable; is it misspelt?")
	}
	return c, nil
}

// loadLayers reads the configuration, but nothing that it names. Its mistakes are
// the layers', for there may be more to find. path is the file; empty: none.
func loadLayers(flags configFlags, env environment) (l *layers, path string, err error) {
	l = &layers{message: &configv1.Config{}, set: map[string]string{}, created: map[string]string{}}
	if path, err = configPath(flags, env); err != nil {
		return nil, "", err
	}
	if path != "" {
		if l.file, l.mistakes, err = readConfig(path, l.message); err != nil {
			return nil, "", err
		}
	}
	l.environment(env)
	l.flags(flags)
	if err := l.validate(); err != nil {
		return nil, "", err
	}
	return l, path, nil
}

// configPath is the file to read: --config, else HUB_CONFIG, else hub.yaml if
// it is there, else none.
func configPath(flags configFlags, env environment) (string, error) {
	if flags.config != "" {
		return flags.config, nil
	}
	if path := env["HUB_CONFIG"]; path != "" {
		return path, nil
	}
	switch _, err := os.Stat(defaultConfig); {
	case err == nil:
		return defaultConfig, nil
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	default:
		return "", fmt.Errorf("the configuration cannot be read: %w", err)
	}
}

// fieldAtStart is a field's path at the start of an error of the server, which
// knows fields, but not where they were set.
var fieldAtStart = regexp.MustCompile(`^(?:http|grpc|ops|auth|limits|drain)(?:\.[a-z_]+|\[\d+\])*`)

// channelsPlace is a place in a proto behind the name of the field: without the
// name, editors find it.
var channelsPlace = regexp.MustCompile(`^channels: (\S+:\d+:\d+:)`)

// placed makes mistakes of an error of the server or of the channels, which
// write one to a line, and adds the place of those that begin with a field. Nil stays nil.
func (c *configuration) placed(err error) mistakes {
	if err == nil {
		return nil
	}
	var found mistakes
	for line := range strings.Lines(err.Error()) {
		var m mistake
		if field := fieldAtStart.FindString(line); field != "" {
			m = c.layers.at(field)
			m.field = "" // the line has it
		}
		m.text = channelsPlace.ReplaceAllString(strings.TrimRight(line, "\n"), "$1")
		found = append(found, m)
	}
	return found
}

// layers lay the sources over each other and remember which one a value is
// from, so that a broken rule names the variable or the flag that broke it.
type layers struct {
	message *configv1.Config
	// file is nil without one.
	file *configFile
	// set is by the field's path who overrode it: a variable or a flag.
	set map[string]string
	// created is by the path of a message who made it exist; what is missing in
	// it is missing because of that.
	created  map[string]string
	mistakes mistakes
}

// environment lays the variables over the file. An empty variable is none, as
// compose files leave them.
func (l *layers) environment(env environment) {
	for s := range settings(l.message.ProtoReflect().Descriptor()) {
		text := env[s.variable()]
		if text == "" {
			continue
		}
		created, err := s.set(l.message.ProtoReflect(), text)
		if err != nil {
			l.mistakes = append(l.mistakes, mistake{source: s.variable(), field: s.path(), text: err.Error()})
			continue
		}
		l.set[s.path()] = s.variable()
		for _, path := range created {
			l.created[path] = s.variable()
		}
	}
}

// flags lay those that have a field over everything. Those with a scalar are
// called as the field's section: --http is http.address.
func (l *layers) flags(flags configFlags) {
	given := map[string]string{"http.address": flags.http, "grpc.address": flags.grpc, "ops.address": flags.ops}
	for s := range settings(l.message.ProtoReflect().Descriptor()) {
		text := given[s.path()]
		if text == "" {
			continue
		}
		flag := "--" + parent(s.path())
		if _, err := s.set(l.message.ProtoReflect(), text); err != nil {
			l.mistakes = append(l.mistakes, mistake{source: flag, field: s.path(), text: err.Error()})
			continue
		}
		l.set[s.path()] = flag
	}
	if len(flags.channels) > 0 {
		l.message.Channels, l.set["channels"] = flags.channels, "--channels"
	}
}

// validate checks the rules of config.proto on the values in force: a wrong
// value in the file that a variable replaces hurts nobody.
func (l *layers) validate() error {
	err := protovalidate.Validate(l.message)
	var invalid *protovalidate.ValidationError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &invalid):
		return fmt.Errorf("the configuration's rules: %w", err)
	}
	for _, v := range invalid.Violations {
		m := l.at(protovalidate.FieldPathString(v.Proto.GetField()))
		if l.malformed(m) {
			continue
		}
		m.text, m.rule = v.Proto.GetMessage(), v.Proto.GetRuleId()
		l.mistakes = append(l.mistakes, m)
	}
	return nil
}

// malformed tells whether the field already has a mistake of form: that its
// value then breaks a rule too is no news.
func (l *layers) malformed(m mistake) bool {
	for _, known := range l.mistakes {
		if known.rule == "" && known.field == m.field && known.source == m.source {
			return true
		}
	}
	return false
}

// at is a mistake without a text, placed where the field was set.
func (l *layers) at(field string) mistake {
	m := mistake{field: field}
	plain, _, _ := strings.Cut(field, "[")
	if who, ok := l.set[plain]; ok {
		m.source = who
		return m
	}
	for above := plain; above != ""; above = parent(above) {
		if who, ok := l.created[above]; ok && !l.file.has(above) {
			m.source = who
			return m
		}
	}
	if l.file != nil {
		place := l.file.place(field)
		m.source, m.line, m.column = l.file.path, place.line, place.column
	}
	return m
}

// refusef reports what is wrong with a field.
func (l *layers) refusef(field, format string, args ...any) {
	m := l.at(field)
	m.text = fmt.Sprintf(format, args...)
	l.mistakes = append(l.mistakes, m)
}

// resolve is a path that the field holds: relative to the file if it is from
// there, else to where the hub was started.
func (l *layers) resolve(field, path string) string {
	plain, _, _ := strings.Cut(field, "[")
	if _, overridden := l.set[plain]; overridden || l.file == nil {
		return path
	}
	return l.file.resolve(path)
}
