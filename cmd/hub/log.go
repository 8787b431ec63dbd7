package main

import (
	"io"
	"log/slog"
	"strings"

	configv1 "github.com/realtime-hub/hub/gen/hub/config/v1"
)

// A logger is what serve says on standard error. Its level follows the
// configuration at SIGHUP, so that DEBUG can be had without a restart; its
// format does not, since whoever reads the lines could not follow.
type logger struct {
	*slog.Logger

	least *slog.LevelVar
}

func newLog(w io.Writer, c *configv1.Log) *logger {
	least := &slog.LevelVar{}
	options := &slog.HandlerOptions{Level: least}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if c.GetFormat() == configv1.Log_JSON {
		handler = slog.NewJSONHandler(w, options)
	}
	l := &logger{Logger: slog.New(handler), least: least}
	l.level(c)
	return l
}

func (l *logger) level(c *configv1.Log) {
	switch c.GetLevel() {
	case configv1.Log_DEBUG:
		l.least.Set(slog.LevelDebug)
	case configv1.Log_WARN:
		l.least.Set(slog.LevelWarn)
	case configv1.Log_ERROR:
		l.least.Set(slog.LevelError)
	default:
		l.least.Set(slog.LevelInfo)
	}
}

func (l *logger) notes(notes []string) {
	for _, note := range notes {
		l.Warn("odd in the configuration", "note", note)
	}
}

// reloaded tells of a reload, a line for each change.
func (l *logger) reloaded(changes string) {
	for line := range strings.SplitSeq(changes, "\n") {
		l.Info("reloaded", "change", line)
	}
}

// keeps tells of a reload that failed, a line for each mistake.
func (l *logger) keeps(err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		l.Error("not reloaded, the old state stays", "error", line)
	}
}
