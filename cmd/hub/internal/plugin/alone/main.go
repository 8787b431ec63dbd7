// Command alone is `hub plugin` without the rest of hub, for this repository's
// own examples: hub contains one of them (`hub demo`), and could not be built
// while that one's generated code is missing or wrong. Everyone else runs hub.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/realtime-hub/hub/cmd/hub/internal/plugin"
)

func main() {
	languages := map[string]plugin.Language{"go": plugin.Go, "ts": plugin.TypeScript}
	if len(os.Args) != 2 || languages[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "alone: a language is missing: go or ts")
		os.Exit(2)
	}
	if err := plugin.Run(context.Background(), os.Stdin, os.Stdout, languages[os.Args[1]]); err != nil {
		fmt.Fprintln(os.Stderr, "alone:", err)
		os.Exit(1)
	}
}
